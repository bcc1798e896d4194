import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import type { Part } from '../../stack/part.ts'
import { expectExact, isDone, untilDone } from '../support/exact.ts'
import { fillAcme, newStack, type OwnStack } from '../support/own-stack.ts'
import { request } from '../support/parties.ts'
import { describeWithOwn } from '../support/parts.ts'
import { soak } from '../support/soak.ts'
import { until } from '../support/until.ts'

const PRODUCTS = 1000
const TARGETS = ['Aurora', 'Borealis', 'Cirrus', 'Dune', 'Ember']
const ITEMS = PRODUCTS * TARGETS.length
/** Small chunks stretch the copy, so that the fault comes in the middle of it. */
const ENV = { CHUNK_SIZE: '10' }

/** Begins a copy that is recorded twice, and lets the fault happen when a part of it is done. */
async function copyThroughFault(stack: OwnStack, fault: () => Promise<void>): Promise<string> {
  await fillAcme(stack, PRODUCTS, TARGETS)
  const ids = [await request(stack, TARGETS), await request(stack, TARGETS)]
  const processes = [await stack.serve('job,relay,result', ENV), await stack.serve('consumer', ENV)]
  let log = ''
  for (const { stderr } of processes) stderr!.on('data', (text: Buffer) => (log += text.toString()))
  await until('some results are there', async () => {
    const rows = await stack.database.knex('copy_result').limit(20).select('chunk_no')
    return rows.length === 20
  })
  expect(await isDone(stack.database, ids)).toBe(false)
  await fault()
  const back = Date.now()
  await untilDone(stack.database, ids)
  process.stderr.write(`done ${Date.now() - back} ms after the fault\n`)
  await expectExact(stack.database, { ids, items: ITEMS, liveProducts: PRODUCTS + ITEMS })
  return log
}

const away = async (part: Part, ms: number) => {
  await sleep(ms)
  await part.start()
}

describeWithOwn('mysql', (start) => {
  test('the database is stopped in the middle of a copy: it is completed, exact, without a dead letter', async () => {
    const mysql = await start()
    const stack = await newStack({ databaseUrl: mysql.env['MYSQL_URL']! })
    const log = await copyThroughFault(stack, async () => {
      await mysql.stop()
      await away(mysql, soak(60_000, 15_000))
    })
    expect(log).toContain('the database is away')
    expect(log).toContain('the database works again')
    // Two processes, each of which says when it begins, ever more rarely that it lasts, and when it ends.
    expect(log.split('\n').length).toBeLessThan(60)
    expect(log).not.toContain('will come again')
  }, 600_000)
})

describeWithOwn('rocketmq', (start) => {
  test('the broker is killed in the middle of a copy: it is completed, exact, without a dead letter', async () => {
    const own = await start()
    const stack = await newStack({
      rocketmq: {
        endpoints: own.env['ROCKETMQ_ENDPOINTS']!,
        namesrv: own.env['ROCKETMQ_NAMESRV']!,
      },
    })
    const log = await copyThroughFault(stack, async () => {
      await own.kill()
      await away(own, soak(20_000, 8000))
    })
    expect(log).toContain('RocketMQ does not answer')
    expect(log).toContain('RocketMQ answers again')
    expect(log.split('\n').length).toBeLessThan(80)
  }, 600_000)
})

describeWithOwn('redis', (start) => {
  test('Redis is killed for good in the middle of a copy: it is completed, exact, without a dead letter', async () => {
    const own = await start()
    const stack = await newStack({ redisUrl: own.env['REDIS_URL']! })
    const log = await copyThroughFault(stack, () => own.kill())
    expect(log).toContain('Redis does not answer')
  }, 600_000)
})
