// Reboot and shutdown: the real thing asks systemd; `--pretend-power` only writes a line and counts it
// as a boot, so that all around it can be tried on any machine, and the lines be counted.

import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { readBootId } from './host.ts'
import { readGoodbye } from './power.ts'

export interface Power {
  bootId(): string | null
  /** The machine is on its way down. */
  isGoingDown(): Promise<boolean>
  /** True: it is over, as pretended. False: the machine goes down. Rejects where it does not. */
  turn(kind: 'reboot' | 'shutdown'): Promise<boolean>
}

const words = { reboot: 'reboot', shutdown: 'poweroff' } as const

export function realPower(): Power {
  return {
    bootId: () => readBootId(),
    isGoingDown: async () => (await readGoodbye()).cause !== 'agent-stop',
    async turn(kind) {
      const { execFile } = await import('node:child_process')
      await new Promise<void>((resolve, reject) => {
        execFile('systemctl', [words[kind]], { timeout: 30_000 }, (error, _out, said) =>
          error ? reject(new Error(said.trim() || error.message)) : resolve(),
        )
      })
      return false
    },
  }
}

export const pretendedName = 'pretended-power'

/** `onShutdown` ends the agent, as the machine would be off. */
export function pretendedPower(stateDir: string, onShutdown: () => void): Power {
  const path = join(stateDir, pretendedName)
  const bootCount = () => {
    try {
      return readFileSync(path, 'utf8').split('\n').length - 1
    } catch {
      return 0
    }
  }
  return {
    bootId: () => `${readBootId() ?? 'boot'}+${bootCount()}`,
    isGoingDown: async () => false,
    async turn(kind) {
      const file = openSync(path, 'a', 0o600)
      writeSync(file, `${kind}\n`)
      fsyncSync(file)
      closeSync(file)
      if (kind === 'reboot') return true
      onShutdown()
      return false
    },
  }
}
