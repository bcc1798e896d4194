import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { columnsOf, pack } from '../../src/packing.ts'
import { MAX_READERS } from '../../src/http/routes/copy-requests.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'
import { startApi, type Api } from '../support/http.ts'
import { request } from '../support/parties.ts'
import { ensureAcme } from '../support/products.ts'
import { ensureBrands } from '../../src/products/brands.ts'
import { until } from '../support/until.ts'

/** Callers that read results, slowly or not at all. */

/** More than the buffers of a connection hold. */
const LARGE = { chunks: 12, items: 1000, name: 'x'.repeat(1000) }
const SMALL = { chunks: 1, items: 1, name: 'x' }

let fixture: TestDatabase
let api: Api
let large: string
let small: string

beforeAll(async () => {
  fixture = await openTestDatabase()
  await ensureAcme(fixture.database, fixture.newId)
  await ensureBrands(fixture.database, fixture.newId, ['Dune'])
  large = await requestWith(LARGE)
  small = await requestWith(SMALL)
})
afterAll(() => fixture.database.close())
beforeEach(async () => {
  api = await startApi(fixture)
})

const HEAD = {
  type: 'product-copy',
  version: 3,
  policy: 'return-existing',
  userId: '1',
  userName: 'Ann',
} as const

/** A request that has been expanded. @returns the path of its results */
async function requestWith({ chunks, items, name }: typeof LARGE): Promise<string> {
  const id = await request(fixture, ['Dune'])
  const one = { brand: 'Dune', name, model: 'M', sourceProductId: '1' }
  for (let chunkNo = 1; chunkNo <= chunks; chunkNo++) {
    const packed = pack(columnsOf(Array<object>(items).fill(one)))
    const body = JSON.stringify({ ...HEAD, requestId: id, chunkNo, packed })
    await fixture.database.knex('copy_chunk').insert({
      request_id: id,
      chunk_no: chunkNo,
      message_group: 'g',
      body,
      content_hash: 'x',
      items,
    })
  }
  return `/copy-requests/${id}/results`
}

const sockets = new Set<Socket>()
afterEach(() => {
  for (const socket of sockets) socket.destroy()
  sockets.clear()
})

/** A caller that asks and reads nothing. @returns once the answer has begun */
async function idleReader(path: string): Promise<Socket> {
  const { host, hostname, port } = new URL(api.url)
  const socket = connect(Number(port), hostname).on('error', () => undefined)
  sockets.add(socket)
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  await once(socket, 'readable')
  return socket
}

const read = (path: string) => api.call('GET', path)

test('of callers that do not read there are only so many; who hangs up makes room', async () => {
  const idle = await Promise.all(Array.from({ length: MAX_READERS }, () => idleReader(large)))
  const refused = await read(small)
  expect(refused).toMatchObject({
    status: 503,
    type: 'application/problem+json',
    body: { code: 'unavailable', detail: expect.stringContaining(`${MAX_READERS} callers`) },
  })
  expect(refused.headers.get('retry-after')).toBe('2')
  expect((await read('/brands')).status).toBe(200)
  idle[0]!.destroy()
  await until('there is room', async () => (await read(small)).status === 200)
  for (const socket of idle) socket.destroy()
  await until('all have gone', async () => {
    const answers = await Promise.all(Array.from({ length: MAX_READERS }, () => read(small)))
    return answers.every(({ status }) => status === 200)
  })
})

test('who has read all, asked for what is not there, or left at once takes no room', async () => {
  for (let time = 0; time <= MAX_READERS; time++) {
    expect((await read(small)).status).toBe(200)
    expect((await read('/copy-requests/42/results')).status).toBe(404)
    const { host, hostname, port } = new URL(api.url)
    const socket = connect(Number(port), hostname)
    socket.end(`GET ${large} HTTP/1.1\r\nHost: ${host}\r\n\r\n`, () => socket.destroy())
    await once(socket, 'close')
  }
  await until('there is room', async () => (await read(small)).status === 200)
})
