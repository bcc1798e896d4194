import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { audit } from '../../src/products/audit.ts'
import { ensureBrands } from '../../src/products/brands.ts'
import { copyRequestStatus } from '../../src/copy/request-status.ts'
import { openEmbeddedDatabase } from '../../src/platform/embedded-database.ts'
import { createSnowflake } from '../../src/platform/snowflake.ts'
import { finished, startCli } from '../support/cli.ts'
import { newDataFolder } from '../support/database.ts'
import { request, resultsOf } from '../support/parties.ts'
import { createPhones, ensureAcme } from '../support/products.ts'
import { seededRandom } from '../support/random.ts'
import { soak } from '../support/soak.ts'

const PRODUCTS = 3000
const ROUNDS = soak(8, 4)

test('serve is killed again and again in the middle of a copy; nothing is lost, nothing is doubled', async () => {
  const random = seededRandom('crash')
  const data = await newDataFolder()
  const ids = await prepare(data)

  for (let interrupted = 0; interrupted < ROUNDS;) {
    // Small chunks stretch the copy, so that the kill comes in the middle of it.
    const server = startCli(['serve'], data, { LOG_LEVEL: 'info', CHUNK_SIZE: '10' })
    const ended = finished(server)
    await new Promise((resolve) => server.stderr!.once('data', resolve))
    await sleep(random() * 800)
    server.kill('SIGKILL')
    await ended
    // Where a fast machine has done all, the same once more: every item is there already.
    if ((await doneOf(data, ids)).length < ids.length) interrupted++
    else ids.push(await recordAgain(data))
  }

  const before = await doneOf(data, ids)
  const server = startCli(['serve', '--json'], data, { CHUNK_SIZE: '10' })
  const ended = finished(server)
  // It reports what is open; the others may be done already.
  const done = new Set(before)
  let rest = ''
  server.stdout!.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    for (const line of lines) {
      const { id, state } = JSON.parse(line) as { id: string; state: string }
      if (state === 'done') done.add(id)
    }
    if (ids.every((id) => done.has(id))) server.kill('SIGTERM')
  })
  expect((await ended).code).toBe(0)

  const { database } = await open(data)
  try {
    const byName = new Map<unknown, { outcome: string; id?: string }[]>()
    for (const id of ids) {
      const status = await copyRequestStatus(database, id)
      expect(status).toMatchObject({
        state: 'done',
        items: PRODUCTS,
        rejected: 0,
        failed: 0,
        pending: 0,
      })
      const results = await resultsOf(database, id)
      expect(new Set(results.map(({ sourceProductId }) => sourceProductId)).size).toBe(PRODUCTS)
      for (const one of results) byName.set(one.name, [...(byName.get(one.name) ?? []), one])
    }
    expect(byName.size).toBe(PRODUCTS)
    const expected = ids.map((_, i) => (i === 0 ? 'created' : 'existing'))
    for (const given of byName.values()) {
      expect(given.map(({ outcome }) => outcome).sort()).toEqual(expected)
      expect(new Set(given.map(({ id }) => id)).size).toBe(1)
    }
    expect(await audit(database)).toEqual({
      liveProducts: 2 * PRODUCTS,
      duplicateKeys: 0,
      productsWithoutKey: 0,
      keysWithoutProduct: 0,
      mismatchedKeys: 0,
    })
    expect(await database.knex('dead_letter').select()).toEqual([])
  } finally {
    await database.close()
  }
}, 180_000)

const open = async (data: string) => ({
  database: await openEmbeddedDatabase(data, { create: false }),
  newId: createSnowflake({ workerId: 0 }),
})

/** A brand with products, and two recordings of one request. */
async function prepare(data: string): Promise<string[]> {
  const fixture = await open(data)
  const { database, newId } = fixture
  await ensureAcme(database, newId)
  await ensureBrands(database, newId, ['Aurora'])
  await createPhones(fixture, PRODUCTS)
  const ids = [await request(fixture, ['Aurora']), await request(fixture, ['Aurora'])]
  await database.close()
  return ids
}

async function recordAgain(data: string): Promise<string> {
  const fixture = await open(data)
  const id = await request(fixture, ['Aurora'])
  await fixture.database.close()
  return id
}

/** @returns those of the requests that are done */
async function doneOf(data: string, ids: string[]): Promise<string[]> {
  const { database } = await open(data)
  try {
    const statuses = await Promise.all(ids.map((id) => copyRequestStatus(database, id)))
    for (const { items, created, existing, rejected, failed, pending } of statuses) {
      expect(created + existing + rejected + failed + pending).toBe(items)
    }
    return statuses.filter(({ state }) => state === 'done').map(({ id }) => id)
  } finally {
    await database.close()
  }
}
