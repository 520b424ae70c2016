// The statuses of many devices: one bar in fixed order, and beside it the counts as words, which say
// everything that the bar does.

import { statusTokens } from '@muster/core/status-tokens.ts'
import { statuses } from '@muster/core/statuses.ts'
import { Link } from '@tanstack/react-router'
import { filterOf, type Share } from '../view/fleets.ts'

export function StatusBar({ shares }: { shares: readonly Share[] }) {
  return (
    <div className="bar" aria-hidden="true">
      {shares.map(({ status, percent }) => (
        <span
          key={status}
          data-tone={statusTokens[status].tone}
          data-status={status}
          style={{ flexGrow: percent }}
        />
      ))}
    </div>
  )
}

/** Each count leads to the devices that it counts. */
export function StatusCounts({ fleet, shares }: { fleet: string; shares: readonly Share[] }) {
  return (
    <ul className="counts">
      {shares.map(({ status, count }) => (
        <li key={status} data-tone={statusTokens[status].tone} data-status={status}>
          <Link to="/devices" search={{ filter: filterOf(fleet, status) }}>
            <span aria-hidden="true">{statusTokens[status].symbol}</span>{' '}
            <b>{count.toLocaleString()}</b> {statuses[status].title}
          </Link>
        </li>
      ))}
    </ul>
  )
}
