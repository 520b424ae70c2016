import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { describe, it } from 'node:test'
import {
  findPostgres,
  findProgram,
  freePort,
  type Service,
  startNats,
  startPostgres,
} from './services.ts'

const services: [title: string, installed: boolean, start: () => Promise<Service>][] = [
  ['PostgreSQL', findPostgres() !== null, startPostgres],
  ['NATS', findProgram('nats-server') !== null, startNats],
]

describe('a service for tests', () => {
  for (const [title, installed, start] of services)
    it(`${title} answers once it is started and is gone once it is stopped`, {
      skip: !installed && `${title} is not installed`,
    }, async () => {
      const service = await start()
      const { hostname, port } = new URL(service.url)
      const reach = async () => {
        const socket = connect(Number(port), hostname)
        await once(socket, 'connect')
        socket.destroy()
      }
      await reach()
      await service.stop()
      await assert.rejects(reach, { code: 'ECONNREFUSED' })
      assert.equal(existsSync(`/proc/${service.pid}`), false)
      await service.stop()
    })

  it('gets a port that can be listened on', async () => {
    assert.ok((await freePort()) > 1_023)
  })

  it('is found by its full path or not at all', () => {
    assert.match(findProgram('sh') ?? '', /^\/.*\/sh$/)
    assert.equal(findProgram('no-such-program'), null)
  })
})
