// The reference as a page: the OpenAPI document as HTML, made here, so that it needs nothing from
// elsewhere, reads without a script, and may be held to a Content-Security-Policy without exceptions.
// The script only filters. Rejected: the well-known viewers. They weigh megabytes, ask for inline styles,
// and some fetch fonts from elsewhere, where a server in a closed network must show it, too.

export type Schema = {
  $ref?: string
  type?: string | string[]
  enum?: unknown[]
  const?: unknown
  anyOf?: Schema[]
  allOf?: Schema[]
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: Schema | boolean
  items?: Schema
  description?: string
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  default?: unknown
}
type Parameter = {
  name: string
  in: string
  required?: boolean
  description?: string
  schema: Schema
  example?: unknown
}
type Content = Record<string, { schema: Schema; example?: unknown }>
type Operation = {
  operationId: string
  summary: string
  description?: string
  tags: [string]
  security?: Record<string, unknown>[]
  parameters?: Parameter[]
  requestBody?: { content: Content }
  responses: Record<string, { description: string; content?: Content }>
}
export type OpenApiDocument = {
  info: { title: string; description?: string }
  paths: Record<string, Record<string, Operation>>
  components: {
    schemas: Record<string, Schema>
    securitySchemes: Record<string, { description?: string }>
  }
}
type Row = { method: string; path: string; operation: Operation }

/** What few readers come for, after all else. */
const lastTags = ['device protocol', 'operations']

export function referencePage(document: OpenApiDocument): string {
  const rows = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([verb, operation]) => ({
      method: verb.toUpperCase(),
      path,
      operation,
    })),
  )
  const byTag = [...Map.groupBy(rows, ({ operation }) => operation.tags[0])].sort(
    ([a], [b]) => lastTags.indexOf(a) - lastTags.indexOf(b),
  )
  const { title, description = '' } = document.info
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${text(title)} API</title>
<link rel="stylesheet" href="docs/page.css">
<script src="docs/page.js" defer></script>
</head>
<body>
<a class="skip" href="#main">Skip to the operations</a>
<header>
<h1>${text(title)} API</h1>
<p>${text(description)} <a href="openapi.json">OpenAPI 3.1</a></p>
</header>
<nav aria-label="Operations">
<label for="search">Search <kbd>/</kbd></label>
<input id="search" type="search" autocomplete="off" spellcheck="false" aria-describedby="found">
<p id="found" role="status"></p>
${byTag.map(([tag, of]) => menuOf(tag, of)).join('\n')}
</nav>
<main id="main" tabindex="-1">
${byTag.map(([tag, of]) => chapterOf(tag, of, document)).join('\n')}
<section class="chapter" aria-labelledby="schemas"><h2 id="schemas">Schemas</h2>
${Object.entries(document.components.schemas).map(schemaSection).join('\n')}
</section>
</main>
</body>
</html>
`
}

function menuOf(tag: string, rows: readonly Row[]): string {
  const items = rows.map(
    ({ method, path, operation }) =>
      `<li data-for="${text(operation.operationId)}"><a href="#${text(operation.operationId)}">${badge(method)} <span>${breakable(path.replace('/api/v1', ''))}</span></a></li>`,
  )
  return `<div class="menu"><h2>${text(capital(tag))}</h2><ul>${items.join('')}</ul></div>`
}

function chapterOf(tag: string, rows: readonly Row[], document: OpenApiDocument): string {
  const id = `tag-${tag.replaceAll(' ', '-')}`
  return `<section class="chapter" aria-labelledby="${id}"><h2 id="${id}">${text(capital(tag))}</h2>
${rows.map((row) => operationOf(row, document)).join('\n')}
</section>`
}

function operationOf({ method, path, operation }: Row, document: OpenApiDocument): string {
  const { operationId, summary, description, parameters = [], requestBody, responses } = operation
  const answers = Object.entries(responses)
  const [type, body] = Object.entries(requestBody?.content ?? {})[0] ?? []
  return `<article class="operation" id="${text(operationId)}" aria-labelledby="${text(operationId)}-title">
<h3 id="${text(operationId)}-title">${text(summary)}</h3>
<p class="path">${badge(method)} <code>${breakable(path)}</code></p>
<p class="who">${whoOf(operation, document)}</p>
${description ? prose(description) : ''}
${parameters.length > 0 ? `<h4>Parameters</h4>${parametersOf(parameters)}` : ''}
${body ? `<h4>Body <span class="type">${text(type!)}</span></h4>${schemaOf(body.schema)}` : ''}
<h4>Example</h4>${pre(curlOf({ method, path, operation }), `Example: ${summary}`)}
<h4>Answers</h4><dl class="answers">${answers.map(answerOf).join('')}</dl>
</article>`
}

function whoOf({ security }: Operation, { components }: OpenApiDocument): string {
  if (security?.length === 0) return 'Open to everybody.'
  const names = (security ?? [{ bearer: [] }]).flatMap(Object.keys)
  return names
    .map((name) => text(components.securitySchemes[name]?.description ?? name))
    .join(' Or: ')
}

function parametersOf(parameters: readonly Parameter[]): string {
  const rows = parameters.map(
    ({ name, in: place, required, description = '', schema }) =>
      `<tr><th scope="row"><code>${text(name)}</code>${required ? ' <em>required</em>' : ''}</th><td>${text(place)}</td><td class="type">${typeOf(schema)}</td><td>${inline(description)}</td></tr>`,
  )
  return tableOf(['Name', 'In', 'Type', 'Meaning'], rows)
}

function answerOf([status, { description, content = {} }]: [
  string,
  Operation['responses'][string],
]): string {
  const [type, first] = Object.entries(content)[0] ?? []
  const isRefusal = type === 'application/problem+json'
  const shape =
    first && !isRefusal ? `<p class="type">${text(type!)}</p>${schemaOf(first.schema)}` : ''
  return `<dt class="s${status[0]}">${status}</dt><dd>${prose(description)}${shape}</dd>`
}

function schemaSection([name, schema]: [string, Schema]): string {
  return `<article class="operation" id="schema-${text(name)}"><h3>${text(name)}</h3>${schemaOf(schema)}</article>`
}

/** The fields of an object in a table, those inside it beneath; of all else its type. */
function schemaOf(schema: Schema): string {
  const inner = schema.items ?? schema
  const rows = fieldsOf(inner, '')
  if (rows.length === 0) return `<p class="type">${typeOf(schema)}</p>`
  const list = schema.items ? '<p class="type">a list of</p>' : ''
  return list + tableOf(['Field', 'Type', 'Meaning'], rows)
}

const deepest = 4

function fieldsOf(schema: Schema, prefix: string): string[] {
  if (prefix.split('.').length > deepest) return []
  const inAll = (schema.allOf ?? []).flatMap((part) => fieldsOf(part, prefix))
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const isRequired = schema.required?.includes(name)
    const row = `<tr><th scope="row"><code>${breakable(prefix + name)}</code>${isRequired ? '' : ' <em>optional</em>'}</th><td class="type">${typeOf(field)}</td><td>${inline(field.description ?? '')}</td></tr>`
    const inside = field.items ?? field.anyOf?.find(({ properties }) => properties) ?? field
    return [row, ...fieldsOf(inside, `${prefix}${name}${field.items ? '[]' : ''}.`)]
  })
  return [...inAll, ...own]
}

function typeOf(schema: Schema): string {
  const { $ref, type, items, anyOf, allOf } = schema
  const name = $ref?.split('/').at(-1)
  if (name) return `<a href="#schema-${text(name)}">${text(name)}</a>`
  if (schema.const !== undefined) return `<code>${text(JSON.stringify(schema.const))}</code>`
  if (schema.enum) return schema.enum.map((one) => `<code>${text(String(one))}</code>`).join(' ')
  if (anyOf) return anyOf.map(typeOf).join(' or ')
  if (allOf) return allOf.map(typeOf).join(' and ')
  if (items) return `list of ${typeOf(items)}`
  if (typeof schema.additionalProperties === 'object')
    return `record of ${typeOf(schema.additionalProperties)}`
  return text([type ?? 'anything'].flat().join(' or ')) + limitsOf(schema)
}

function limitsOf({ minimum, maximum, minLength, maxLength, ...rest }: Schema): string {
  const [low, high] = [minimum ?? minLength, maximum ?? maxLength]
  const unit = maxLength === undefined && minLength === undefined ? '' : ' characters'
  const range =
    low !== undefined && high !== undefined
      ? `${low} to ${high}${unit}`
      : high !== undefined
        ? `up to ${high}${unit}`
        : low !== undefined
          ? `from ${low}${unit}`
          : ''
  const preset = rest.default === undefined ? '' : `default ${JSON.stringify(rest.default)}`
  const said = [range, preset].filter(Boolean).join(', ')
  return said ? `, ${text(said)}` : ''
}

function curlOf({ method, path, operation }: Row): string {
  const { parameters = [], requestBody, security } = operation
  const exampleOf = (name: string) => parameters.find((one) => one.name === name)?.example
  const filled = path.replace(/\{(\w+)\}/g, (_, name) => String(exampleOf(name) ?? `<${name}>`))
  const query = parameters
    .filter((one) => one.in === 'query' && one.example !== undefined)
    .map(({ name, example }) => `${name}=${encodeURIComponent(String(example))}`)
    .join('&')
  const body = Object.values(requestBody?.content ?? {})[0]?.example
  return [
    `curl${method === 'GET' ? '' : ` -X ${method}`} "$MUSTER_SERVER${filled}${query && `?${query}`}"`,
    ...(security?.length === 0 ? [] : ['-H "Authorization: Bearer $MUSTER_TOKEN"']),
    ...(body === undefined
      ? []
      : ['-H "Content-Type: application/json"', `-d '${JSON.stringify(body)}'`]),
  ].join(' \\\n  ')
}

function tableOf(titles: readonly string[], rows: readonly string[]): string {
  const head = titles.map((title) => `<th scope="col">${title}</th>`).join('')
  return `<div class="table" tabindex="0" role="group" aria-label="${titles[0]}s"><table><thead><tr>${head}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`
}

const badge = (method: string) => `<span class="method ${method.toLowerCase()}">${method}</span>`
const pre = (code: string, label: string) =>
  `<pre tabindex="0" role="group" aria-label="${text(label)}"><code>${text(code)}</code></pre>`
const capital = (word: string) => word[0]!.toUpperCase() + word.slice(1)
const breakable = (path: string) => text(path).replaceAll('/', '/<wbr>').replaceAll('.', '.<wbr>')
const inline = (said: string) => text(said).replace(/`([^`]+)`/g, '<code>$1</code>')

/** Paragraphs, and lists of lines that begin with a dash. */
function prose(said: string): string {
  return said
    .split('\n\n')
    .map((part) =>
      part.startsWith('- ')
        ? `<ul>${part
            .slice(2)
            .split('\n- ')
            .map((item) => `<li>${inline(item)}</li>`)
            .join('')}</ul>`
        : `<p>${inline(part)}</p>`,
    )
    .join('')
}

function text(said: string): string {
  const names: Record<string, string> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot' }
  return said.replace(/[&<>"]/g, (character) => `&${names[character]};`)
}
