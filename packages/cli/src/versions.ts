// Says, once, where this program and the server differ in version so far that they may misunderstand
// each other. Seen in the answers that come anyway: no request is made for it.

import type { Fetch } from '@muster/core/api-client.ts'
import { versionGap, versionHeader } from '@muster/core/versions.ts'

const advice = {
  'server-older': 'it may not know all that this one asks for',
  'server-newer': 'this one may not understand all that it says',
}

export function tellVersions(fetch: Fetch, own: string, tell: (text: string) => void): Fetch {
  let isTold = false
  return async (url, request) => {
    const answer = await fetch(url, request)
    const server = answer.headers.get(versionHeader)
    const gap = server === null ? null : versionGap(own, server)
    if (gap && !isTold) {
      isTold = true
      tell(`The server has version ${server}, and this muster ${own}: ${advice[gap]}.`)
    }
    return answer
  }
}
