// Answers of one turn of the event loop, sent together at its end. A write to a socket may wake whoever
// waits at the other end (a proxy on this machine, or its kernel's queue), and waking costs as much as
// answering; answers that follow closely upon each other find it awake already. A turn takes what has
// arrived and no more, so nobody waits longer than the others who arrived at the same time take.

import type { FastifyReply } from 'fastify'

export function createOutbox() {
  let ready: FastifyReply[] = []

  function flush(): void {
    const replies = ready
    ready = []
    for (const reply of replies) reply.send()
  }

  return {
    /** The reply has its code and headers, and no body. */
    add(reply: FastifyReply): void {
      if (ready.push(reply) === 1) setImmediate(flush)
    },
  }
}
