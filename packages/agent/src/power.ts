// Why the agent is being stopped: because the machine goes down, or only the agent. systemd knows: its
// state is "stopping", and among its jobs is the target that it is going to. The decision is pure;
// asking is bounded, because a goodbye that comes too late is worth nothing.

import { existsSync } from 'node:fs'
import type { GoodbyeBody } from '@muster/core/device-protocol.ts'

/** How long a reboot takes, unless somebody knows better. */
export const expectedBackMs = 120_000
const askWithinMs = 700

/** `systemState` is what `systemctl is-system-running` prints, `jobs` what `list-jobs` prints. */
export function goodbyeFor(systemState: string, jobs: string): GoodbyeBody {
  if (systemState.trim() !== 'stopping') return { cause: 'agent-stop' }
  const rebooting = /\b(?:reboot|soft-reboot|kexec)\.target\s+start\b/.test(jobs)
  return rebooting ? { cause: 'reboot', expectedBackMs } : { cause: 'shutdown' }
}

export async function readGoodbye(): Promise<GoodbyeBody> {
  if (!existsSync('/run/systemd/system')) return { cause: 'agent-stop' }
  const [systemState, jobs] = await Promise.all([
    systemctl(['is-system-running']),
    systemctl(['list-jobs', '--no-legend', '--no-pager']),
  ])
  return goodbyeFor(systemState, jobs)
}

/** What it prints, whatever it exits with; empty when it is missing or slow. */
async function systemctl(words: string[]): Promise<string> {
  const { execFile } = await import('node:child_process')
  return new Promise((resolve) => {
    const options = { timeout: askWithinMs, killSignal: 'SIGKILL' as const }
    execFile('systemctl', words, options, (_, printed) => resolve(printed ?? ''))
  })
}
