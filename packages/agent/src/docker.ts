// The local Docker Engine, over its socket. Of its API we need six calls, so they are made with Node's
// own HTTP: the usual library brings 56 packages and 24 MB of memory for them, on devices that have
// little (decision 0010). Paths name no version: every Engine answers in its own.

import { request } from 'node:http'

export type Container = {
  Id: string
  Names: string[]
  Image: string
  State: string
  Labels: Record<string, string> | null
}
export type Inspected = {
  Id: string
  State: { Running: boolean; StartedAt: string; Status: string }
  Mounts: { Type: string; Name?: string; Source: string; Driver?: string }[]
}

/** The Engine said no, or could not be reached. */
export class DockerFailure extends Error {
  override readonly name = 'DockerFailure'
}

const answerWithinMs = 120_000
const maxAnswerBytes = 8 * 1024 * 1024
/** How long a container may take to stop before it is killed, in seconds. */
const stopSeconds = 10

export type Docker = ReturnType<typeof createDocker>

export function createDocker(socketPath: string) {
  const call = <T>(method: string, path: string): Promise<T> => ask<T>(socketPath, method, path)
  const at = (id: string) => `/containers/${encodeURIComponent(id)}`
  return {
    version: async () => (await call<{ Version: string }>('GET', '/version')).Version,
    list: () => call<Container[]>('GET', '/containers/json?all=1'),
    inspect: (id: string) => call<Inspected>('GET', `${at(id)}/json`),
    start: (id: string) => call<void>('POST', `${at(id)}/start`),
    stop: (id: string) => call<void>('POST', `${at(id)}/stop?t=${stopSeconds}`),
    restart: (id: string) => call<void>('POST', `${at(id)}/restart?t=${stopSeconds}`),
  }
}

function ask<T>(socketPath: string, method: string, path: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const fail = (text: string) => reject(new DockerFailure(text))
    const options = { socketPath, method, path, headers: { host: 'docker' } }
    const asked = request({ ...options, timeout: answerWithinMs }, (answer) => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (part: string) => {
        text += part
        if (text.length > maxAnswerBytes) asked.destroy(new Error('it says too much'))
      })
      answer.on('error', (error) => fail(error.message))
      answer.on('end', () => {
        const { statusCode = 0 } = answer
        // 304: it is so already.
        if (statusCode >= 400) fail(messageIn(text) ?? `Docker answered ${statusCode}`)
        else resolve((text === '' ? undefined : parsed(text)) as T)
      })
    })
    asked.on('timeout', () => asked.destroy(new Error('it did not answer in time')))
    asked.on('error', (error) => fail(`Docker cannot be reached: ${error.message}`))
    asked.end()
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function messageIn(text: string): string | null {
  const said = parsed(text) as { message?: unknown } | null | undefined
  return typeof said?.message === 'string' ? said.message : null
}
