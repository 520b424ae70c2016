// Search in the reference: each word must be somewhere in the operation. "/" goes there, Escape leaves it.

const search = document.querySelector('#search')
const found = document.querySelector('#found')
const operations = [...document.querySelectorAll('.operation')].map((element) => ({
  element,
  words: element.textContent.toLowerCase(),
  entry: document.querySelector(`[data-for="${element.id}"]`),
}))
const groups = [...document.querySelectorAll('.chapter, .menu')]

function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean)
  let count = 0
  for (const { element, words: said, entry } of operations) {
    const fits = words.every((word) => said.includes(word))
    element.hidden = !fits
    if (entry) entry.hidden = !fits
    if (fits && entry) count++
  }
  for (const group of groups)
    group.hidden = !group.querySelector('.operation:not([hidden]), li:not([hidden])')
  found.textContent = words.length === 0 ? '' : `${count} found`
}

search.addEventListener('input', filter)
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && document.activeElement === search) {
    search.value = ''
    filter()
    search.blur()
  }
  if (event.key !== '/' || /^(?:INPUT|TEXTAREA)$/.test(document.activeElement?.tagName)) return
  event.preventDefault()
  search.focus()
})
