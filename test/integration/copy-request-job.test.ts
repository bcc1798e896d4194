import { beforeEach, expect, test } from '@jest/globals'
import type { Publisher } from '../../src/broker.ts'
import { startCopyRequestJob } from '../../producers/copy-request-job.ts'
import { watchDatabase } from '../../src/platform/database-watch.ts'
import { useAcmeDatabase } from '../support/acme.ts'
import { recordingLogger } from '../support/log.ts'
import { request } from '../support/parties.ts'
import { create, item } from '../support/products.ts'
import { ensureBrands } from '../../src/products/brands.ts'
import { until } from '../support/until.ts'

const fixture = useAcmeDatabase()

beforeEach(async () => {
  await ensureBrands(fixture.database, fixture.newId, ['Dune'])
})

/** A request whose chunks wait for their answers, so that it has no room for more. */
async function fullRequest(): Promise<void> {
  const { database } = fixture
  const id = await request(fixture, ['Dune'])
  await database.knex('copy_chunk').insert({
    request_id: id,
    chunk_no: 1,
    message_group: 'g',
    body: '{}',
    content_hash: 'h',
    items: 100_000,
    sent_at: database.dialect.now(),
    sends: 1,
  })
}

function startJob(publish: Publisher['publish']) {
  const { database } = fixture
  const { logger, lines } = recordingLogger()
  const job = startCopyRequestJob({
    database,
    publisher: { publish },
    settings: { chunkSize: 50, shards: 4 },
    watch: watchDatabase(database, logger),
    announce: () => undefined,
    logger,
  })
  return { job, lines }
}

test('a request that cannot be expanded is named, and tried ever more rarely, however many others are open', async () => {
  const { database, newId } = fixture
  await create(database, newId, [item('A')])
  const broken = await request(fixture, ['Dune'])
  await database.knex('copy_request').where({ id: broken }).update({ target_brands: '?' })
  for (let count = 1; count <= 50; count++) await fullRequest()
  const { job, lines } = startJob(() => Promise.resolve())
  const failures = () => lines.filter(({ err }) => err?.includes(`request ${broken} cannot be`))
  try {
    // The log has the 1st, the 2nd, the 4th and the 8th, which is 100 ms * 2 ** 7 after the first.
    await until('it is named', () => failures().length >= 3, 10_000)
    expect(failures().length).toBe(3)
  } finally {
    await job.stop()
  }
})

test('a request whose messages are taken slowly, or refused, holds up no other', async () => {
  const { database, newId } = fixture
  await create(database, newId, [item('A')])
  const ids: string[] = []
  for (let i = 0; i < 6; i++) ids.push(await request(fixture, ['Dune']))
  const [slow, refused, ...others] = ids
  const published: string[] = []
  const { job } = startJob(async ({ body }) => {
    const id = ids.find((one) => body.includes(one))!
    if (id === refused) throw new Error('refused')
    if (id === slow) await until('the others', () => published.length === others.length, 10_000)
    published.push(id)
  })
  try {
    const sent = () =>
      database.knex('copy_chunk').whereNotNull('sent_at').pluck<string[]>('request_id')
    await until('all but one are sent', async () => (await sent()).length === 5, 10_000)
    expect(published.at(-1)).toBe(slow)
    expect((await sent()).sort()).toEqual([slow, ...others].sort())
  } finally {
    await job.stop()
  }
})
