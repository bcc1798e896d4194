import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeAll, expect, test } from '@jest/globals'
import { connectRedis, type RedisConnection } from '../../src/platform/redis.ts'
import { recordingLogger } from '../support/log.ts'
import { freePorts } from '../../stack/ports.ts'
import { silent } from '../support/silent.ts'
import { describeWithOwnRedis, setPassword, type RedisServer } from '../support/redis.ts'
import { until } from '../support/until.ts'

const open: RedisConnection[] = []
const listening: { server: Server; sockets: Set<Socket> }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((connection) => connection.close()))
  for (const { server, sockets } of listening.splice(0)) {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
})

function connectTo(url: string, logger = silent): RedisConnection {
  const connection = connectRedis(url, logger)
  open.push(connection)
  return connection
}

async function serve(onConnection: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    onConnection(socket)
  })
  listening.push({ server, sockets })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function took(work: Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work
  return performance.now() - start
}

test.each([
  '',
  'localhost:6379',
  'http://secret@localhost',
  'redis://user:secret#1@localhost',
  'redis://user:secret%zz@localhost',
  'redis://localhost/secret',
  'redis://localhost?password=secret',
  'redis://:secret@localhost:99999',
])('the URL %j is refused without repeating it', (url) => {
  expect(() => connectRedis(url, silent)).toThrow(/^REDIS_URL is not the URL of a Redis/)
  expect(() => connectRedis(url, silent)).not.toThrow(/secret/)
})

test('rediss:// speaks TLS', async () => {
  const first = new Promise<number>((resolve) => {
    void serve((socket) => socket.once('data', (data) => resolve(data[0]!))).then((address) =>
      connectTo(`rediss://${address}`),
    )
  })
  const handshake = 0x16
  expect(await first).toBe(handshake)
})

test('nobody listens: commands fail at once, the log grows ever more slowly, closing is quick', async () => {
  const { logger, lines } = recordingLogger()
  const redis = connectTo(`redis://user:secret@127.0.0.1:${await freePorts(1)}`, logger)
  expect(await took(redis.firstAttempt)).toBeLessThan(1000)
  expect(redis.fault()).toContain('ECONNREFUSED')
  expect(await took(expect(redis.client.get('x')).rejects.toThrow())).toBeLessThan(100)
  await sleep(2000)
  expect(await took(redis.close())).toBeLessThan(100)
  expect(lines.length).toBeGreaterThan(1)
  expect(lines.length).toBeLessThan(5)
  expect(JSON.stringify(lines)).not.toContain('secret')
})

test('a server that accepts and never answers: all waits end', async () => {
  const address = await serve(() => undefined)
  const redis = connectTo(`redis://${address}`)
  expect(await took(redis.firstAttempt)).toBeLessThan(4000)
  expect(redis.fault()).toContain('timed out')
  // The next attempt is on its way.
  await until('it tries again', () => redis.client.status === 'connect')
  expect(await took(expect(redis.client.get('x')).rejects.toThrow())).toBeLessThan(100)
  expect(await took(redis.close())).toBeLessThan(1500)
})

test('a server that greets and hangs up is not asked in a tight loop', async () => {
  let connections = 0
  const { logger, lines } = recordingLogger()
  const address = await serve((socket) => {
    connections++
    socket.once('data', () => {
      // To HELLO and twice CLIENT SETINFO.
      socket.write('+OK\r\n+OK\r\n+OK\r\n', () => setTimeout(() => socket.end(), 50))
    })
  })
  const redis = connectTo(`redis://${address}`, logger)
  await sleep(3000)
  await redis.close()
  expect(connections).toBeGreaterThan(2)
  expect(connections).toBeLessThan(12)
  expect(lines.length).toBeLessThan(6)
})

describeWithOwnRedis((startRedis) => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedis()
    await setPassword(server, 'se@cret')
  })

  const url = (password: string) =>
    `redis://:${encodeURIComponent(password)}@127.0.0.1:${server.port}`

  test('user, password and database come from the URL', async () => {
    const first = connectTo(`${url('se@cret')}/3`)
    await first.firstAttempt
    expect(first.fault()).toBeUndefined()
    await first.client.acl('SETUSER', 'shop', 'on', '>p:w', '~*', '+@all')
    await first.client.set('here', 1)
    const second = connectTo(`redis://shop:p%3Aw@127.0.0.1:${server.port}/3`)
    await second.firstAttempt
    expect(await second.client.get('here')).toBe('1')
    expect(await second.client.acl('WHOAMI')).toBe('shop')
  })

  test('a wrong password is a fault without the password', async () => {
    const { logger, lines } = recordingLogger()
    const redis = connectTo(url('wrong-one'), logger)
    await redis.firstAttempt
    expect(redis.fault()).toContain('WRONGPASS')
    expect(JSON.stringify(lines)).toContain('WRONGPASS')
    expect(JSON.stringify(lines)).not.toContain('wrong-one')
  })

  test('it connects again after a kill, and says so once', async () => {
    const { logger, lines } = recordingLogger()
    const redis = connectTo(url('se@cret'), logger)
    await redis.firstAttempt
    await server.kill()
    await until('it is noticed', () => redis.fault() !== undefined)
    await expect(redis.client.get('x')).rejects.toThrow()
    await server.start()
    await setPassword(server, 'se@cret')
    await until('it is over', () => lines.some(({ msg }) => msg === 'Redis answers again'))
    expect(await redis.client.set('x', 1)).toBe('OK')
  })

  test('a Redis that hangs: commands end, the connection is given up, and it goes on afterwards', async () => {
    const redis = connectTo(url('se@cret'))
    await redis.firstAttempt
    server.signal('SIGSTOP')
    try {
      const command = expect(redis.client.get('x')).rejects.toThrow('timed out')
      expect(await took(command)).toBeLessThan(3000)
      await until('the connection is given up', () => redis.fault() !== undefined)
      expect(redis.fault()).toContain('Socket timeout')
    } finally {
      server.signal('SIGCONT')
    }
    await until('it answers', () => redis.fault() === undefined)
    expect(await redis.client.set('x', 1)).toBe('OK')
  })

  test('closing is bounded while Redis hangs, and what was written is still sent', async () => {
    const redis = connectTo(url('se@cret'))
    await redis.firstAttempt
    server.signal('SIGSTOP')
    try {
      void redis.client.set('written', 1).catch(() => undefined)
      expect(await took(redis.close())).toBeLessThan(1500)
    } finally {
      server.signal('SIGCONT')
    }
    const other = connectTo(url('se@cret'))
    await other.firstAttempt
    await until('it has arrived', async () => (await other.client.get('written')) === '1')
  })

  test('an idle connection stays', async () => {
    const redis = connectTo(url('se@cret'))
    await redis.firstAttempt
    const id = await redis.client.client('ID')
    await sleep(3500)
    expect(await redis.client.client('ID')).toBe(id)
  })
})
