// Leases a worker id, makes ids with it and announces progress until it is killed, or ends by itself
// when told so. Prints its worker id whenever it has another one. Ids that do not grow end it with 1.
import { pino } from 'pino'
import { createRedisProgress } from '../../src/platform/progress-channel.ts'
import { connectRedis } from '../../src/platform/redis.ts'
import { createSnowflake } from '../../src/platform/snowflake.ts'
import { leaseWorkerId } from '../../src/platform/worker-id.ts'

const [url, ttlMs, what] = process.argv.slice(2) as [string, string, string?]
const logger = pino({ level: 'silent' })
const redis = connectRedis(url, logger)
const { signal } = new AbortController()
const lease = await leaseWorkerId({ redis, logger, signal, ttlMs: Number(ttlMs) })
const progress = createRedisProgress({ url, redis, logger })

if (what === 'leave') await redis.close()
else makeIds()

function makeIds(): void {
  const newId = createSnowflake({ workerId: lease.workerId })
  let workerId = -1
  let last = 0n
  setInterval(() => {
    progress.announce('42')
    const id = BigInt(newId())
    if (id <= last) process.exit(1)
    last = id
    const now = Number((id >> 12n) & 1023n)
    if (now === workerId) return
    workerId = now
    process.stdout.write(`${now}\n`)
  }, 5)
}
