// docs/guides/command-line.md: the walk as a page to read, of what the terminal really showed.

export type Shown = { part?: string; why: string; type: string; text: string }

const introduction = `# A walk through the command line

<!-- Written by \`npm run walk\`, from a terminal. Change tools/walk.ts. -->

What a new user does in the first ten minutes, as it was typed and answered: by a real server, with real
agents. The same as a film: \`asciinema play docs/guides/command-line.cast\`. Every command with all its
options is in [the reference](../reference/cli.md), and so is what \`muster help\` says about
[filters](../reference/filters.md), exit codes, profiles and output.

To install it: \`npm run build -w @muster/cli && npm install -g ./packages/cli\`, which brings \`man muster\`
too; from a checkout, \`npm run muster --\` is the same program. \`$SERVER\` is the address of your server.
`

export function walkPage(shown: readonly Shown[], server: string): string {
  const parts = shown.map(({ part, why, type, text }) => {
    const answer = plainText(text, type).replaceAll(server, 'https://muster.example.org')
    const block = [`$ ${type.replace(/\t$/, 'mp')}`, ...(answer ? [answer] : [])].join('\n')
    return `${part === undefined ? '' : `## ${part}\n\n`}${why}\n\n\`\`\`text\n${block}\n\`\`\`\n`
  })
  return [introduction, ...parts].join('\n')
}

const esc = '\u001b'
const bell = '\u0007'
const escapes = new RegExp(
  `${esc}(?:\\[[0-9;?]*[A-Za-z]|\\][^${bell}]*${bell}|[()][A-Z0-9]|[=>78])`,
  'g',
)
const otherScreen = new RegExp(`${esc}\\[\\?1049h[\\s\\S]*?${esc}\\[\\?1049l`, 'g')

/** What stood on the terminal in the end: without colours, and without what was drawn over. */
export function plainText(shown: string, typed: string): string {
  const lines = shown
    .replace(otherScreen, '')
    .replace(escapes, '')
    .replaceAll('\r\n', '\n')
    .replaceAll('^C', '')
    .replaceAll(bell, '')
    .split('\n')
    .map((line) => line.slice(line.lastIndexOf('\r') + 1).trimEnd())
  // The first lines are the echo of what was typed, as the shell broke it.
  const echoed = typed.split('\n').length
  return lines.slice(echoed).join('\n').trim()
}
