import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { connectRedis, type RedisConnection } from '../../src/platform/redis.ts'
import { createSnowflake } from '../../src/platform/snowflake.ts'
import { leaseWorkerId, type WorkerIdLease } from '../../src/platform/worker-id.ts'
import { recordingLogger } from '../support/log.ts'
import { silent } from '../support/silent.ts'
import { startRedisProcess } from '../support/redis-process.ts'
import { describeWithOwnRedis, type RedisServer } from '../support/redis.ts'
import { until } from '../support/until.ts'

const TTL_MS = 1200
const INTERVAL_MS = TTL_MS / 6
const KEY = 'product-copy:worker-id'

describeWithOwnRedis((startRedis) => {
  let server: RedisServer
  let redis: RedisConnection
  const leases: WorkerIdLease[] = []
  const connections: RedisConnection[] = []
  beforeAll(async () => {
    server = await startRedis()
    redis = connectRedis(server.url, silent)
    await redis.firstAttempt
  })
  beforeEach(() => redis.client.flushall())
  afterEach(async () => {
    await closeLeases()
    await Promise.all(connections.splice(0).map((connection) => connection.close()))
  })
  afterAll(() => redis.close())

  /** On a connection of its own, as if it were a process of its own. */
  async function lease(logger = silent, url = server.url): Promise<WorkerIdLease> {
    const connection = connectRedis(url, silent)
    connections.push(connection)
    const { signal } = new AbortController()
    const one = await leaseWorkerId({ redis: connection, logger, signal, ttlMs: TTL_MS })
    leases.push(one)
    return one
  }
  const lease30 = () => Promise.all(Array.from({ length: 30 }, () => lease()))
  const closeLeases = () => Promise.all(leases.splice(0).map((one) => one.close()))
  const ids = (of: WorkerIdLease[]) => of.map((one) => one.workerId())

  /** Leaves only these ids free, and takes all others from whoever has them. */
  async function takeAllBut(...free: number[]): Promise<void> {
    const others = Array.from({ length: 1024 }, (_, id) => id).filter((id) => !free.includes(id))
    await redis.client.mset(Object.fromEntries(others.map((id) => [`${KEY}:${id}`, 'other'])))
  }

  const freed = (id: number) => redis.client.del(`${KEY}:${id}`)
  const isFree = async (id: number) => (await redis.client.exists(`${KEY}:${id}`)) === 0
  const holders = async () => (await redis.client.keys(`${KEY}:*`)).length

  test('forty at once are all different, stay beyond their time, and are given back', async () => {
    const all = await Promise.all(Array.from({ length: 40 }, () => lease()))
    const before = ids(all)
    expect(new Set(before).size).toBe(40)
    await sleep(TTL_MS * 1.5)
    expect(await holders()).toBe(40)
    expect(ids(all)).toEqual(before)
    await closeLeases()
    expect(await holders()).toBe(0)
  })

  test('when all are taken that is one clear line', async () => {
    await takeAllBut()
    await expect(lease()).rejects.toThrow(
      'all 1024 worker ids are taken in Redis (REDIS_URL): end some processes; the ids of killed ones are free after 1.2 s',
    )
  })

  test('giving back leaves the id of another process alone', async () => {
    const one = await lease()
    await redis.client.set(`${KEY}:${one.workerId()}`, 'other')
    await one.close()
    expect(await isFree(one.workerId())).toBe(false)
  })

  test('Redis emptied: the id is taken again, or another one when it is taken', async () => {
    const { logger, lines } = recordingLogger()
    const kept = await lease()
    const lost = await lease(logger)
    const before = [kept.workerId(), lost.workerId()]
    const newId = createSnowflake({ workerId: lost.workerId })
    const first = BigInt(newId())
    await redis.client.flushall()
    await redis.client.set(`${KEY}:${lost.workerId()}`, 'other')
    await until('the lost one is replaced', () => lost.workerId() !== before[1])
    await until('the other one is taken again', async () => !(await isFree(kept.workerId())))
    expect(kept.workerId()).toBe(before[0])
    const next = BigInt(newId())
    expect(next > first).toBe(true)
    expect(Number((next >> 12n) & 1023n)).toBe(lost.workerId())
    expect(
      lines.filter(({ msg }) => msg.startsWith('another process has the worker id')),
    ).toHaveLength(1)
  })

  test('Redis emptied while others come: nobody shares an id for longer than an interval', async () => {
    const old = await lease30()
    const spare = Array.from({ length: 1024 }, (_, id) => id).filter((id) => !ids(old).includes(id))
    const free = [...ids(old), ...spare.slice(0, 30)]
    await redis.client.flushall()
    await takeAllBut(...free)
    const emptied = performance.now()
    const all = [...old, ...(await lease30())]
    await until('all are different', () => new Set(ids(all)).size === 60)
    expect(performance.now() - emptied).toBeLessThan(INTERVAL_MS + 500)
    await sleep(TTL_MS)
    expect(ids(all).sort()).toEqual(free.sort())
  })

  test('no id is free any more: the process goes on with the one it had', async () => {
    const { logger, lines } = recordingLogger()
    const one = await lease(logger)
    const id = one.workerId()
    await redis.client.flushall()
    await takeAllBut()
    await until('it is noticed', () => lines.some(({ msg }) => msg.includes('cannot be renewed')))
    expect(one.workerId()).toBe(id)
    const free = (id + 500) % 1024
    await freed(free)
    await until('it takes the next free one', () => one.workerId() === free)
  })

  test('Redis killed: the holder goes on, a new process waits, says so, and gets its id afterwards', async () => {
    const holder = recordingLogger()
    const waiting = recordingLogger()
    const one = await lease(holder.logger)
    const id = one.workerId()
    const newId = createSnowflake({ workerId: one.workerId })
    await server.kill()
    const leased = lease(waiting.logger)
    await until('it waits', () => waiting.lines.length > 0)
    expect(waiting.lines[0]).toMatchObject({
      msg: 'waiting for a worker id: Redis (REDIS_URL) does not answer; set WORKER_ID to go on without it',
      err: expect.stringContaining('ECONNREFUSED'),
    })
    await sleep(TTL_MS)
    expect(one.workerId()).toBe(id)
    expect(newId()).toMatch(/^\d+$/)
    expect(
      holder.lines.filter(({ msg }) => msg.includes('going on with it')).length,
    ).toBeGreaterThan(0)
    await server.start()
    await until('the test has its connection again', () => redis.fault() === undefined)
    expect((await leased).workerId()).not.toBe(id)
    expect(waiting.lines.at(-2)).toMatchObject({ msg: 'got a worker id' })
    await until('it is renewed', async () => !(await isFree(id)))
    expect(one.workerId()).toBe(id)
  })

  test('the wait for an id can be ended', async () => {
    const stop = new AbortController()
    const nowhere = connectRedis('redis://127.0.0.1:1', silent)
    const waiting = leaseWorkerId({ redis: nowhere, logger: silent, signal: stop.signal })
    setTimeout(() => stop.abort(), 200)
    await expect(waiting).rejects.toThrow('stopped while waiting for a worker id')
    await nowhere.close()
  })

  test('a refused password ends the wait: it would be refused for ever', async () => {
    await expect(lease(silent, `redis://shop:wrong@127.0.0.1:${server.port}`)).rejects.toThrow(
      'REDIS_URL: Redis refuses the user or password: WRONGPASS',
    )
  })

  test('a process that ends by itself is not held up by its lease', async () => {
    const one = startRedisProcess(server.url, TTL_MS, 'leave')
    expect(await one.ended).toBe(0)
  })

  test("a killed process's id is free again", async () => {
    const one = startRedisProcess(server.url, TTL_MS)
    await until('it has an id', () => one.workerIds.length === 1)
    const id = one.workerIds[0]!
    one.child.kill('SIGKILL')
    await one.ended
    expect(await isFree(id)).toBe(false)
    await takeAllBut(id)
    await until('it is free', () => isFree(id))
    expect((await lease()).workerId()).toBe(id)
  })

  test('a process that was stopped for longer than its lease gives way to the one that took its id', async () => {
    const stopped = startRedisProcess(server.url, TTL_MS)
    await until('it has an id', () => stopped.workerIds.length === 1)
    const id = stopped.workerIds[0]!
    stopped.child.kill('SIGSTOP')
    await takeAllBut(id)
    await until('its id is free', () => isFree(id))
    const taker = startRedisProcess(server.url, TTL_MS)
    await until('another one has it', () => taker.workerIds[0] === id)
    const free = (id + 7) % 1024
    await freed(free)
    const continued = performance.now()
    stopped.child.kill('SIGCONT')
    await until('it has another id', () => stopped.workerIds.at(-1) === free)
    expect(performance.now() - continued).toBeLessThan(1000)
    await sleep(TTL_MS)
    // Both made ids all the time, growing ones, or they would have ended.
    expect(stopped.workerIds).toEqual([id, free])
    expect(taker.workerIds).toEqual([id])
    expect([stopped.child.exitCode, taker.child.exitCode]).toEqual([null, null])
  })
})
