// Services: the containers of the local Docker Engine. Every container is one, unless its label
// `io.muster.service` says "false"; that label, or the one of Compose, gives its name. What is done to
// them is proved by looking again: a container that has restarted has another `StartedAt`.

import { existsSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Report, ReportedService } from '@muster/core/device-protocol.ts'
import type { DockerFound } from '@muster/core/health-checks.ts'
import {
  type Container,
  createDocker,
  type Docker,
  DockerFailure,
  type Inspected,
} from './docker.ts'

export type Service = { name: string; id: string; container: Container }
/** A container, by the beginning of its id, and since when it runs; empty: it does not. */
export type Standing = Record<string, string>

export const defaultDockerSocket = '/var/run/docker.sock'
const ownLabel = 'io.muster.service'
const nameLabels = [ownLabel, 'io.balena.service-name', 'com.docker.compose.service']
const maxReported = 50
const never = '0001-01-01T00:00:00Z'

export class Services {
  readonly #socketPath: string
  #docker: Docker | null = null

  constructor(socketPath: string = defaultDockerSocket) {
    this.#socketPath = socketPath
  }

  /** For the report; never fails. */
  async look(): Promise<Report> {
    if (!existsSync(this.#socketPath)) return { docker: 'none', services: [] }
    try {
      const docker = await this.#engine().version()
      const services = (await this.list()).slice(0, maxReported).map(reportedOf)
      return { docker, services }
    } catch {
      return { docker: 'none', services: [] }
    }
  }

  /** For the health check; never fails. */
  async examine(): Promise<DockerFound> {
    if (!existsSync(this.#socketPath)) return null
    try {
      const version = await this.#engine().version()
      const containers = await this.#engine().list()
      const restarting = containers.filter(({ State }) => State === 'restarting').map(nameOf)
      return { version, containerCount: containers.length, restarting }
    } catch (error) {
      return { trouble: (error as Error).message }
    }
  }

  async list(): Promise<Service[]> {
    const containers = await this.#engine().list()
    return containers
      .filter(({ Labels }) => Labels?.[ownLabel] !== 'false')
      .map((container) => ({ name: nameOf(container), id: container.Id, container }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** Those of that name, or all. Fails where there is none. */
  async find(name: string | undefined): Promise<Service[]> {
    const services = await this.list()
    const found = name === undefined ? services : services.filter((one) => one.name === name)
    if (found.length > 0) return found
    const known = services.map((one) => one.name).join(', ') || 'none'
    throw new DockerFailure(
      name ? `there is no service "${name}"; there are: ${known}` : 'there are no services',
    )
  }

  async standing(services: readonly Service[]): Promise<Standing> {
    const inspected = await Promise.all(services.map(({ id }) => this.#engine().inspect(id)))
    return Object.fromEntries(inspected.map((one) => [one.Id.slice(0, 12), sinceOf(one)]))
  }

  restart = ({ id }: Pick<Service, 'id'>): Promise<void> => this.#engine().restart(id)
  start = ({ id }: Pick<Service, 'id'>): Promise<void> => this.#engine().start(id)
  stop = ({ id }: Pick<Service, 'id'>): Promise<void> => this.#engine().stop(id)

  /**
   * Deletes what is in the volumes of these services, which do not run. What is mounted from the host
   * itself is nobody's data to delete, and left alone. Answers with the names of the volumes.
   */
  async empty(services: readonly Service[]): Promise<string[]> {
    const inspected = await Promise.all(services.map(({ id }) => this.#engine().inspect(id)))
    const volumes = new Map<string, string>()
    for (const { Mounts } of inspected)
      for (const { Type, Name, Source, Driver } of Mounts) {
        if (Type !== 'volume' || Name === undefined) continue
        if (Driver !== 'local') throw new DockerFailure(`the volume ${Name} is not on this device`)
        volumes.set(Name, Source)
      }
    for (const folder of volumes.values())
      for (const entry of await readdir(folder))
        await rm(join(folder, entry), { recursive: true, force: true })
    return [...volumes.keys()]
  }

  #engine(): Docker {
    this.#docker ??= createDocker(this.#socketPath)
    return this.#docker
  }
}

function nameOf({ Labels, Names, Id }: Container): string {
  for (const label of nameLabels) {
    const name = Labels?.[label]
    if (name && name !== 'true') return name
  }
  return Names[0]?.replace(/^\//, '') ?? Id.slice(0, 12)
}

function reportedOf({ name, container }: Service): ReportedService {
  return { name, state: container.State, image: container.Image }
}

function sinceOf({ State }: Inspected): string {
  return State.Running && State.StartedAt !== never ? State.StartedAt : ''
}
