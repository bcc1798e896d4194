import { Redis } from 'ioredis'
import { signalProcess } from '../../stack/processes.ts'
import { describeWithOwn } from './parts.ts'

/** A Redis of the test's own, that can be killed, stopped and started again on the same port. */
export interface RedisServer {
  url: string
  port: number
  start(): Promise<void>
  kill(): Promise<void>
  signal(name: 'SIGSTOP' | 'SIGCONT'): void
}

/** Tests with a Redis of their own, which they start with the function they get. */
export function describeWithOwnRedis(tests: (start: () => Promise<RedisServer>) => void): void {
  describeWithOwn('redis', (startPart) => {
    tests(async () => {
      const part = await startPart()
      return {
        url: part.env['REDIS_URL']!,
        port: part.place.port,
        start: () => part.start(),
        kill: () => part.kill(),
        signal: (name) => signalProcess(part.processes['redis']!, name),
      }
    })
  })
}

/** Until its next start. */
export async function setPassword({ url }: RedisServer, password: string): Promise<void> {
  const redis = new Redis(url, { commandTimeout: 3000 })
  await redis.config('SET', 'requirepass', password)
  redis.disconnect()
}
