import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { openTerminal } from './terminal.ts'

function createTerminal() {
  const input = Object.assign(new PassThrough(), { isTTY: true })
  let shown = ''
  const output = {
    write(text: string) {
      shown += text
    },
  }
  return { ask: openTerminal(input, output)!, input, shown: () => shown }
}

test('a line is shown as it is typed, a secret never', async () => {
  const { ask, input, shown } = createTerminal()
  const line = ask.line('E-mail: ')
  input.write('me@example.org\r')
  assert.equal(await line, 'me@example.org')
  assert.match(shown(), /E-mail: .*me@example\.org/)
  const secret = ask.secret('Password: ')
  input.write('hush')
  input.write('\u007fed\r')
  assert.equal(await secret, 'hused')
  assert.match(shown(), /Password: \n$/)
})

test('Ctrl-C at a question, and the end of input, stop the command', async () => {
  for (const key of ['\u0003', '\u0004']) {
    const { ask, input } = createTerminal()
    const secret = ask.secret('Password: ')
    input.write(key)
    await assert.rejects(secret, { message: 'stopped', exit: 130 })
  }
})

test('where there is no terminal nobody is asked', () => {
  assert.equal(openTerminal(new PassThrough(), { write() {} }), undefined)
})
