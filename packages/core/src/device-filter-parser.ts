// Reads a filter: a tokenizer and a parser by descent, both small enough to be read in one go. Each
// mistake is told with its place and with what to write instead. Columns and values are checked here,
// against the table of columns, so that whoever evaluates a filter never meets a wrong one.
//
//   filter     = term { "or" term }
//   term       = factor { "and" factor }
//   factor     = "not" factor | "(" filter ")" | comparison
//   comparison = column ( operator value | [ "not" ] "in" "(" value { "," value } ")"
//              | ( "contains" | "begins" ) value | "exists" )

import { type Column, columnNames, columnOf, foldCase } from './device-columns.ts'
import {
  type Comparison,
  type Filter,
  literalPattern,
  type Mistake,
  maxComparisons,
  maxDepth,
  maxFilterLength,
  mistakeText,
  type Operator,
  operatorsOf,
  unitsMs,
  type Value,
} from './device-filter.ts'
import { Refusal } from './errors.ts'

type Token = { kind: 'word' | 'text' | 'symbol' | 'end'; text: string; at: number; length: number }

/** Refuses with `invalid-filter`, saying where. */
export function parseFilter(text: string): Filter {
  const read = readFilter(text)
  if ('mistake' in read) throw new Refusal('invalid-filter', mistakeText(read.mistake))
  return read.filter
}

/** The filter, or the first mistake in it. */
export function readFilter(text: string): { filter: Filter } | { mistake: Mistake } {
  try {
    return { filter: parse(text) }
  } catch (error) {
    if (error instanceof Stop) return { mistake: error.mistake }
    throw error
  }
}

/** Leaves the descent at the first mistake. */
class Stop extends Error {
  readonly mistake: Mistake
  constructor(mistake: Mistake) {
    super(mistake.what)
    this.mistake = mistake
  }
}

function stop({ at, length }: Pick<Token, 'at' | 'length'>, what: string, advice: string): never {
  throw new Stop({ at, length, what, advice })
}

const tokens =
  /\s+|(?<symbol><=|>=|!=|!~|[()=<>~,])|(?<quoted>"(?:[^"\\]|\\[\s\S])*")|(?<word>(?:tag|fact)\."(?:[^"\\]|\\[\s\S])*"|[\p{L}\p{N}_.:+*/@%-]+)/uy

function tokensOf(text: string): Token[] {
  if (text.length > maxFilterLength)
    stop(
      { at: maxFilterLength, length: 1 },
      'the filter is too long',
      `write ${maxFilterLength} characters at most`,
    )
  const found: Token[] = []
  for (let at = 0; at < text.length; ) {
    tokens.lastIndex = at
    const match = tokens.exec(text)
    if (!match) return unreadable(text, at)
    const { symbol, quoted, word } = match.groups!
    const { length } = match[0]
    if (symbol) found.push({ kind: 'symbol', text: symbol, at, length })
    if (quoted) found.push({ kind: 'text', text: unquoted(quoted), at, length })
    if (word) found.push({ kind: 'word', text: columnText(word), at, length })
    at += length
  }
  return [...found, { kind: 'end', text: '', at: text.length, length: 0 }]
}

function unreadable(text: string, at: number): never {
  if (text[at] === '"')
    stop({ at, length: text.length - at }, 'this text has no end', 'close it with "')
  const one = String.fromCodePoint(text.codePointAt(at)!)
  stop({ at, length: one.length }, `${one} means nothing here`, 'put texts in double quotes')
}

function unquoted(text: string): string {
  return text.slice(1, -1).replace(/\\([\s\S])/g, '$1')
}

function columnText(word: string): string {
  const family = /^(tag|fact)\."/.exec(word)?.[1]
  return family ? `${family}.${unquoted(word.slice(family.length + 1))}` : word
}

type Reader = ReturnType<typeof createReader>

function createReader(list: readonly Token[]) {
  let next = 0
  let comparisons = 0
  const peek = () => list[next]!
  return {
    peek,
    take: () => list[next < list.length - 1 ? next++ : next]!,
    isWord: (word: string) => peek().kind === 'word' && peek().text.toLowerCase() === word,
    isSymbol: (symbol: string) => peek().kind === 'symbol' && peek().text === symbol,
    countComparison(at: Token): void {
      if (++comparisons > maxComparisons)
        stop(at, 'there are too many comparisons', `use ${maxComparisons} at most; try in (…)`)
    },
  }
}

function parse(text: string): Filter {
  const reader = createReader(tokensOf(text))
  if (reader.peek().kind === 'end')
    stop(reader.peek(), 'the filter is empty', 'write one such as status = disconnected')
  const filter = parseEither(reader, 0)
  const rest = reader.peek()
  if (rest.kind !== 'end')
    stop(rest, `${rest.text} is one too many`, 'join comparisons with and, or')
  return filter
}

function parseEither(reader: Reader, depth: number): Filter {
  return joined(reader, 'or', () => joined(reader, 'and', () => parseFactor(reader, depth)))
}

function joined({ isWord, take }: Reader, word: 'and' | 'or', part: () => Filter): Filter {
  const of = [part()]
  while (isWord(word)) {
    take()
    of.push(part())
  }
  return of.length === 1 ? of[0]! : { kind: word, of }
}

function parseFactor(reader: Reader, depth: number): Filter {
  const { peek, take, isWord, isSymbol } = reader
  if (depth > maxDepth) stop(peek(), 'this is nested too deeply', `use ${maxDepth} levels at most`)
  if (isWord('not')) {
    take()
    return { kind: 'not', of: parseFactor(reader, depth + 1) }
  }
  if (!isSymbol('(')) return parseComparison(reader)
  take()
  const inner = parseEither(reader, depth + 1)
  if (!isSymbol(')')) stop(peek(), 'a bracket is open', 'write ) or go on with and, or')
  take()
  return inner
}

function parseComparison(reader: Reader): Comparison {
  const { take, isWord } = reader
  const named = take()
  if (named.kind !== 'word')
    stop(named, 'a column is missing', 'write one such as status, name or tag.site')
  reader.countComparison(named)
  const { text: name } = named
  const column = columnOf(name) ?? stop(named, `${name} is no column`, nearest(name))
  const context = { name, column }
  const operator = take()
  const word = operator.kind === 'word' ? operator.text.toLowerCase() : null
  if (word === 'exists') return { kind: 'exists', column: name }
  if (word === 'in') return parseList(reader, context, operator, false)
  if (word === 'not' && isWord('in')) return parseList(reader, context, take(), true)
  if (word === 'contains' || word === 'begins') return parseFound(reader, context, operator)
  if (operator.kind !== 'symbol' || '(),'.includes(operator.text))
    stop(operator, `an operator is missing after ${name}`, `write one of ${takenBy(column)}`)
  allow(context, operator, operator.text)
  const value = readValue(context, take())
  return { kind: 'compare', column: name, operator: operator.text as Operator, value }
}

/** `contains` and `begins` are other words for a pattern. */
function parseFound({ take }: Reader, context: Context, operator: Token): Comparison {
  allow(context, operator, '~')
  const { name } = context
  const word = operator.text.toLowerCase()
  const value = take()
  if (value.kind !== 'text' && value.kind !== 'word')
    stop(value, 'a text is missing', `write ${name} ${word} "…"`)
  const pattern = `${word === 'contains' ? '*' : ''}${literalPattern(value.text)}*`
  return { kind: 'compare', column: name, operator: '~', value: { kind: 'text', text: pattern } }
}

const maxListed = 500

function parseList(
  { peek, take, isSymbol }: Reader,
  context: Context,
  operator: Token,
  negated: boolean,
): Comparison {
  allow(context, operator, 'in')
  if (!isSymbol('(')) stop(peek(), 'a list is missing', 'write in (a, b)')
  const values: Value[] = []
  do {
    take()
    values.push(readValue(context, take()))
    if (values.length > maxListed)
      stop(peek(), 'the list is too long', `use ${maxListed} values at most`)
  } while (isSymbol(','))
  if (!isSymbol(')')) stop(peek(), 'the list has no end', 'write , or )')
  take()
  return { kind: 'in', column: context.name, negated, values }
}

type Context = { name: string; column: Column }

function takenBy({ kind }: Column): string {
  return operatorsOf[kind].join(' ')
}

function allow({ name, column }: Context, token: Token, operator: string): void {
  const taken: readonly string[] = operatorsOf[column.kind]
  if (!taken.includes(operator))
    stop(token, `${name} does not take ${token.text}`, `use one of ${takenBy(column)}`)
}

function readValue({ name, column }: Context, token: Token): Value {
  if (token.kind !== 'word' && token.kind !== 'text')
    stop(token, `a value of ${name} is missing`, `write ${exampleOf(column)}`)
  const { text } = token
  switch (column.kind) {
    case 'text':
      return { kind: 'text', text }
    case 'word': {
      const words = column.words ?? []
      if (words.includes(text)) return { kind: 'word', text }
      return stop(
        token,
        `${text} is no ${column.title.toLowerCase()}`,
        `use one of ${words.join(', ')}`,
      )
    }
    case 'truth':
      if (text !== 'true' && text !== 'false')
        stop(token, `${name} is true or false`, 'write true or false')
      return { kind: 'truth', truth: text === 'true' }
    case 'number':
      if (!/^[+-]?\d+(?:\.\d+)?$/.test(text) || text.length > 20)
        stop(token, `${text} is no number`, 'write one such as 80 or 0.5')
      // Zero has one sign.
      return { kind: 'number', number: Number(text) + 0 }
    case 'instant':
      return instantIn(token)
    default:
      return column.kind satisfies never
  }
}

const farMs = 100 * 365 * 86_400_000

function instantIn(token: Token): Value {
  const ago = /^-(\d{1,12})(ms|[wdhms])$/.exec(token.text)
  if (ago) {
    const agoMs = Number(ago[1]) * unitsMs.get(ago[2]!)!
    if (agoMs > farMs) stop(token, 'this is too long ago', 'write 36500d at most')
    return { kind: 'ago', agoMs }
  }
  if (token.text === 'now') return { kind: 'ago', agoMs: 0 }
  const at = /^\d{10,14}$/.test(token.text)
    ? Number(token.text)
    : /^\d{4}-\d\d-\d\d/.test(token.text)
      ? Date.parse(token.text.length === 10 ? `${token.text}T00:00:00Z` : zoned(token.text))
      : Number.NaN
  if (!Number.isSafeInteger(at) || at < 0)
    stop(token, `${token.text} is no time`, 'write -24h, -7d, 2026-01-31 or 2026-01-31T14:05Z')
  return { kind: 'at', at }
}

/** Without a zone a time is UTC: a filter means the same wherever it is read. */
function zoned(text: string): string {
  return /(?:Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`
}

function exampleOf({ kind, words }: Column): string {
  const examples = { text: '"a text"', instant: '-24h', number: '80', truth: 'true' }
  return kind === 'word' ? (words?.[0] ?? 'a word') : examples[kind]
}

function nearest(name: string): string {
  const folded = foldCase(name)
  const near =
    columnNames.find((one) => foldCase(one) === folded) ??
    columnNames.find(
      (one) => foldCase(one).startsWith(folded) || folded.startsWith(foldCase(one)),
    ) ??
    columnNames.find((one) => one.endsWith(`.${folded}`))
  if (near) return `did you mean ${near}?`
  if (folded.startsWith('fact.'))
    return `facts are ${columnNames.filter((one) => one.startsWith('fact.')).join(', ')}`
  return `columns are ${columnNames.filter((one) => !one.includes('.')).join(', ')}, tag.<key>, fact.<name>`
}
