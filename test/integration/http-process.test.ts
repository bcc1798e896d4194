import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from '@jest/globals'
import { runCli, startCli, terminate } from '../support/cli.ts'
import { newDataFolder } from '../support/database.ts'
import { send, TOKENS } from '../support/http.ts'
import { item } from '../support/products.ts'
import { until } from '../support/until.ts'

/** `serve` as a process: its port, its log, and its end. */

interface Served {
  child: ChildProcess
  url: string
  port: number
  log: { msg: string; port?: number; host?: string }[]
}

async function serve(args: string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Served> {
  const logged = { LOG_LEVEL: 'info', ...env }
  const child = startCli(['serve', ...args], await newDataFolder(), logged)
  child.stdout!.resume()
  const log: Served['log'] = []
  createInterface({ input: child.stderr! }).on('line', (line) => {
    log.push(JSON.parse(line) as Served['log'][number])
  })
  await until('it serves', () => log.some(({ msg }) => msg === 'serving'))
  const { port } = log.find(({ msg }) => msg === 'listening') ?? {}
  return { child, log, port: port!, url: `http://127.0.0.1:${port}` }
}

const sockets = new Set<Socket>()
afterEach(() => {
  for (const socket of sockets) socket.destroy()
})
/** A client that has sent a piece of a request. */
function dial(port: number, text: string): Socket {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined)
  sockets.add(socket)
  socket.write(text)
  return socket
}

const post = (url: string, path: string, body: unknown) => send('POST', url + path, { body })

test('it says on which port it listens, and carries out what it is asked', async () => {
  const { url, port, log, child } = await serve()
  expect(log).toContainEqual(
    expect.objectContaining({ level: 30, msg: 'listening', host: '127.0.0.1', port }),
  )
  await post(url, '/brands', { name: 'Acme' })
  await post(url, '/brands', { name: 'Dune' })
  await post(url, '/products', item('Phone'))
  const { id } = (await post(url, '/copy-requests', { from: 'Acme', to: ['Dune'] })).body
  await until('it is done', async () => {
    const { body } = await send('GET', `${url}/copy-requests/${String(id)}`)
    return body['state'] === 'done' && body['created'] === 1
  })
  expect((await terminate(child)).code).toBe(0)
})

test('--only http serves the API alone, and what it records stays recorded', async () => {
  const { url, child } = await serve(['--only', 'http'])
  await post(url, '/brands', { name: 'Acme' })
  await post(url, '/brands', { name: 'Dune' })
  const { id } = (await post(url, '/copy-requests', { from: 'Acme', to: ['Dune'] })).body
  await sleep(1500)
  const { body } = await send('GET', `${url}/copy-requests/${String(id)}`)
  expect(body).toMatchObject({ state: 'recorded' })
  expect((await terminate(child)).code).toBe(0)
})

test('at SIGTERM requests in hand are answered, and new ones are not taken', async () => {
  const { url, port, child, log } = await serve()
  await post(url, '/brands', { name: 'Acme' })
  const body = JSON.stringify(item('Phone'))
  const head = `POST /products HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\n`
  const inHand = dial(port, `${head}Content-Length: ${body.length}\r\n\r\n${body.slice(0, 10)}`)
  // Its head was read: what came later is answered.
  await send('GET', `${url}/livez`)
  const ended = terminate(child)
  await until('it stops', () => log.some(({ msg }) => msg === 'stopping'))
  await until('it does not listen', () =>
    send('GET', `${url}/livez`).then(
      () => false,
      () => true,
    ),
  )
  inHand.write(body.slice(10))
  let answer = ''
  inHand.setEncoding('utf8').on('data', (text: string) => (answer += text))
  await once(inHand, 'close')
  expect(answer).toMatch(/^HTTP\/1\.1 201 Created\r\n/)
  expect(answer.toLowerCase()).toContain('connection: close')
  const { code, ms } = await ended
  expect(code).toBe(0)
  expect(ms).toBeLessThan(5000)
})

test('neither half a request nor a reader that does not read holds up the end', async () => {
  const { url, port, child } = await serve()
  await post(url, '/brands', { name: 'Acme' })
  await post(url, '/brands', { name: 'Dune' })
  // 10 MB of results: more than the buffers of a connection hold.
  const attributes = {}
  for (let page = 0; page < 30; page++) {
    const items = Array.from({ length: 1000 }, (_, i) =>
      item(`${'x'.repeat(100)} ${page} ${i}`, { attributes, model: 'm'.repeat(255) }),
    )
    expect((await post(url, '/products/batch', { items })).status).toBe(200)
  }
  const { id } = (await post(url, '/copy-requests', { from: 'Acme', to: ['Dune'] })).body
  await until('it is done', async () => {
    const { body } = await send('GET', `${url}/copy-requests/${String(id)}`)
    return body['state'] === 'done' && body['created'] === 30_000
  })
  const host = `Host: 127.0.0.1:${port}\r\n`
  const half = dial(
    port,
    `POST /products HTTP/1.1\r\n${host}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
  )
  const slow = dial(port, `GET /copy-requests/${String(id)}/results HTTP/1.1\r\n${host}\r\n`)
  await once(slow, 'readable')
  await sleep(1000)
  const { code, ms } = await terminate(child)
  expect(code).toBe(0)
  expect(ms).toBeLessThan(5000)
  // It was still at it: the last chunk, which says that it is all, did not come.
  let text = ''
  slow.setEncoding('latin1').on('data', (part: string) => (text += part))
  await once(slow, 'close')
  expect(text.length).toBeLessThan(10_000_000)
  expect(text.endsWith('0\r\n\r\n')).toBe(false)
  half.destroy()
})

/** One line, which names the variable, and the exit code of what could not run. */
async function refused(env: NodeJS.ProcessEnv, line: RegExp): Promise<void> {
  const { code, stdout, stderr } = await runCli(['serve'], await newDataFolder(), env)
  expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
  expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  expect(stderr).toMatch(line)
  expect(stderr).not.toContain(TOKENS.write)
}

test('what keeps it from listening is one line', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const tokens = JSON.stringify([
    { token: TOKENS.write, role: 'write', userId: '1', userName: 'Ann' },
  ])
  const folder = await newDataFolder()
  const file = path.join(folder, 'tokens.json')
  await writeFile(file, tokens.replace('write"', 'scribe"'))
  try {
    await refused(
      { PORT: `${port}` },
      new RegExp(`^product-copy: PORT: port ${port} of 127.0.0.1 is`),
    )
    await refused({ PORT: '65536' }, /^product-copy: PORT is "65536"; it must be a whole number/)
    await refused(
      { HOST: '0.0.0.0' },
      /^product-copy: HOST is "0.0.0.0"; without API_TOKENS it must/,
    )
    await refused({ HOST: 'no such', API_TOKENS: tokens }, /^product-copy: HOST/)
    await refused(
      { API_TOKENS: tokens.slice(1) },
      /^product-copy: API_TOKENS must be a JSON list of /,
    )
    await refused(
      { API_TOKENS: tokens, API_TOKENS_FILE: file },
      /^product-copy: API_TOKENS and API_TOKENS_FILE are both set: set one of them/,
    )
    await refused(
      { API_TOKENS_FILE: file },
      /^product-copy: API_TOKENS_FILE: entry 1: its role is "scribe"; it must be one of read, /,
    )
    await refused(
      { API_TOKENS_FILE: path.join(folder, 'none') },
      /^product-copy: API_TOKENS_FILE: the file cannot be read: ENOENT/,
    )
  } finally {
    other.close()
  }
})

test('with tokens, of a file, it listens on every address', async () => {
  const file = path.join(await newDataFolder(), 'tokens.json')
  const entry = { token: TOKENS.read, role: 'read', userId: '1', userName: 'Ann' }
  await writeFile(file, JSON.stringify([entry]))
  const { url, child, log } = await serve([], { API_TOKENS_FILE: file, HOST: '0.0.0.0' })
  expect((await send('GET', `${url}/brands`)).status).toBe(401)
  const headers = { host: 'shop.example' }
  expect((await send('GET', `${url}/brands`, { token: TOKENS.read, headers })).status).toBe(200)
  expect((await terminate(child)).code).toBe(0)
  expect(JSON.stringify(log)).not.toContain(TOKENS.read)
})
