// Actions with links as their carrier: the two features know nothing of each other.

import { Actions, type ActionsDeps } from '../actions/actions.ts'
import type { Carrier } from '../actions/ports.ts'
import type { Links } from '../cloudlink/links.ts'

export function createActionsOver(links: Links, deps: Omit<ActionsDeps, 'carrier'>): Actions {
  const carrier: Carrier = {
    has: (uuid) => links.find(uuid) !== undefined,
    carry(uuid, orders) {
      const link = links.find(uuid)
      link?.send({ type: 'actions', orders: [...orders] })
      return link !== undefined
    },
  }
  const actions = new Actions({ ...deps, carrier })
  links.follow({
    opened: ({ uuid }) => actions.linked(uuid),
    // Actions may have been queued elsewhere while NATS was away.
    missed: ({ uuid }) => actions.linked(uuid),
    said(link, message) {
      if (message.type !== 'action-report') return
      const { type: _, ...report } = message
      actions.report(link.deviceId, [report], 'cloudlink').then(
        () =>
          link.isOpen && link.send({ type: 'action-noted', id: report.id, state: report.state }),
        // It says it again until it is noted.
        (error) => deps.log.warn({ error }, 'what a device said of an action could not be written'),
      )
    },
  })
  return actions
}
