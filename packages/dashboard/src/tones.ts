// The tones of core as rules of style: one table for the command line and this page. They are set through
// the style sheet's own interface, which the policy of the page allows and an inline sheet is not.

import { tones } from '@muster/core/status-tokens.ts'

export function wearTones(to: Pick<CSSStyleSheet, 'insertRule'>): void {
  for (const [tone, { light, dark }] of Object.entries(tones)) {
    const colour = `light-dark(${light}, ${dark})`
    to.insertRule(`[data-tone='${tone}'] { color: ${colour} }`)
    to.insertRule(`[data-tone-edge='${tone}'] { --tone-edge: ${colour} }`)
  }
}
