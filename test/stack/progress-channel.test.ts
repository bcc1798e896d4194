import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { createRedisProgress, type ProgressChannel } from '../../src/platform/progress-channel.ts'
import { connectRedis, type RedisConnection } from '../../src/platform/redis.ts'
import { silent } from '../support/silent.ts'
import { startRedisProcess } from '../support/redis-process.ts'
import { describeWithOwnRedis, type RedisServer } from '../support/redis.ts'
import { until } from '../support/until.ts'

const TTL_MS = 1200

describeWithOwnRedis((startRedis) => {
  let server: RedisServer
  let redis: RedisConnection
  const channels: ProgressChannel[] = []
  beforeAll(async () => {
    server = await startRedis()
    redis = connectRedis(server.url, silent)
  })
  // The connection comes back in its own time after a test that killed Redis.
  beforeEach(() => until('Redis answers', () => redis.fault() === undefined))
  afterEach(() => Promise.all(channels.splice(0).map((channel) => channel.close())))
  afterAll(() => redis.close())

  function channel(): ProgressChannel {
    const one = createRedisProgress({ url: server.url, redis, logger: silent })
    channels.push(one)
    return one
  }
  const connections = async () =>
    Number(/connected_clients:(\d+)/.exec(await redis.client.info())![1])
  const published = async () =>
    Number(/cmdstat_publish:calls=(\d+)/.exec(await redis.client.info('commandstats'))?.[1] ?? 0)
  const subscribers = async () =>
    (await redis.client.pubsub('NUMSUB', 'product-copy:progress'))[1] as number

  test('another process is heard, also after Redis was killed and started again', async () => {
    const announcer = startRedisProcess(server.url, TTL_MS)
    const heard: string[] = []
    channel().onProgress((requestId) => heard.push(requestId))
    await until('it is heard', () => heard.length > 2)
    await server.kill()
    await sleep(300)
    const before = heard.length
    await server.start()
    await until('it is heard again', () => heard.length > before + 2)
    expect(new Set(heard)).toEqual(new Set(['42']))
    announcer.child.kill('SIGKILL')
    await announcer.ended
  })

  test('a subscription that Redis has dropped is made again', async () => {
    const heard: string[] = []
    const one = channel()
    one.onProgress((requestId) => heard.push(requestId))
    await until('it listens', async () => (await subscribers()) === 1)
    await redis.client.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await until('it listens again', async () => (await subscribers()) === 1)
    one.announce('7')
    await until('it is heard', () => heard.length === 1)
  })

  test('who only announces has no second connection, and closing ends the one of who listens', async () => {
    const before = await connections()
    const one = channel()
    one.announce('1')
    await sleep(50)
    expect(await connections()).toBe(before)
    one.onProgress(() => undefined)
    await until('it listens', async () => (await subscribers()) === 1)
    expect(await connections()).toBe(before + 1)
    await one.close()
    await until('it is gone', async () => (await connections()) === before)
    const closed = channel()
    await closed.close()
    closed.onProgress(() => undefined)
    await sleep(100)
    expect(await connections()).toBe(before)
  })

  test('what waits for the end of its window is said when the channel closes', async () => {
    const heard: string[] = []
    channel().onProgress((requestId) => heard.push(requestId))
    await until('it listens', async () => (await subscribers()) === 1)
    const other = createRedisProgress({ url: server.url, redis, logger: silent })
    other.announce('5')
    other.announce('5')
    await other.close()
    await until('both are heard', () => heard.length === 2)
  })

  test.each(['dead', 'hanging'])(
    'announcing to a Redis that is %s costs nothing',
    async (state) => {
      const one = channel()
      await redis.client.config('RESETSTAT')
      if (state === 'dead') await server.kill()
      else server.signal('SIGSTOP')
      try {
        const before = heapUsed()
        const start = performance.now()
        for (let i = 0; i < 100_000; i++) one.announce(`${i}`)
        expect(performance.now() - start).toBeLessThan(1000)
        expect(heapUsed() - before).toBeLessThan(10e6)
      } finally {
        if (state === 'dead') await server.start()
        else server.signal('SIGCONT')
      }
      await until('Redis is back', () => redis.fault() === undefined)
      // What was sent before the limit was reached arrives late; the rest was dropped.
      expect(await published()).toBeLessThanOrEqual(100)
      const heard: string[] = []
      one.onProgress((requestId) => heard.push(requestId))
      await until('it is heard', () => {
        one.announce('back')
        return heard.includes('back')
      })
    },
  )
})

function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  ;(runInNewContext('gc') as () => void)()
  return process.memoryUsage().heapUsed
}
