import { Redis } from 'ioredis'
import type { PartKind, Place } from './part.ts'
import { findProgram } from './programs.ts'

const url = ({ port }: Place) => `redis://127.0.0.1:${port}`
const server = () => findProgram(['redis-server', 'valkey-server'])

/** Redis (or Valkey) with its own defaults. */
export const redis: PartKind = {
  name: 'redis',
  ports: 1,
  stopSignal: 'SIGTERM',
  endSignal: 'SIGKILL',
  missing: () =>
    server()
      ? undefined
      : 'redis-server is missing (apt-get install redis-server, or brew install redis)',
  prepare: () => Promise.resolve(),
  processes: ({ port }, data) => ({
    redis: {
      command: server()!,
      args: ['--bind', '127.0.0.1', '--port', String(port), '--dir', data],
      cwd: data,
    },
  }),
  version: (env) => redisVersion(env['REDIS_URL']!),
  env: (place) => ({ REDIS_URL: url(place) }),
}

/** @throws when Redis does not answer in time */
async function redisVersion(url: string): Promise<string> {
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: 3000,
    commandTimeout: 3000,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  })
  client.on('error', () => undefined)
  try {
    await client.connect()
    const info = await client.info('server')
    return /^redis_version:(\S+)/m.exec(info)?.[1] ?? 'unknown'
  } finally {
    client.disconnect()
  }
}
