import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cloudlinkTokens, heartbeatTokens, statusTokens, tones } from './status-tokens.ts'

test('no two statuses, and no two states of a channel, share a symbol: colour alone says nothing', () => {
  for (const table of [statusTokens, heartbeatTokens, cloudlinkTokens]) {
    const symbols = Object.values(table).map(({ symbol }) => symbol)
    assert.equal(new Set(symbols).size, symbols.length)
    for (const symbol of symbols) assert.equal([...symbol].length, 1)
  }
})

test('every tone can be read as text on its ground, at 4.5:1 or more', () => {
  for (const { light, dark } of Object.values(tones)) {
    assert.ok(contrast(light, '#ffffff') >= 4.5, light)
    assert.ok(contrast(dark, '#1a1b1e') >= 4.5, dark)
  }
})

/** The contrast of WCAG 2: relative luminances, from 1 to 21. */
function contrast(one: string, other: string): number {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (high! + 0.05) / (low! + 0.05)
}

function luminance(colour: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(colour.slice(at, at + 2), 16) / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!
}
