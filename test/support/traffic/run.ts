import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from '@jest/globals'
import type { Env } from '../../../stack/part.ts'
import { copyResults } from '../../../src/copy/copy-results.ts'
import type { Database } from '../../../src/database.ts'
import { audit } from '../../../src/products/audit.ts'
import { root, startCli, startNode } from '../cli.ts'
import type { TestDatabase } from '../database.ts'
import { CLEAN } from '../exact.ts'
import { finish } from '../parties.ts'
import { seededRandom } from '../random.ts'
import { soak } from '../soak.ts'
import { until } from '../until.ts'
import { inexplicable, readCalls, type Aftermath, type Call } from './history.ts'
import { SOURCE, SOURCE_PRODUCTS, sourceProduct, TARGETS } from './keys.ts'

const CLIENTS = 8
/** Seconds of traffic. */
const SECONDS = soak(60, 10)

const OPS = ['create', 'batch', 'find', 'delete', 'rename', 'restore', 'copy']
const AT_LEAST = 5

/** A process that serves the API. */
export interface Api {
  child: ChildProcess
  url: string
}

/** Starts `serve`, and resolves when it listens. */
export async function startApi(args: string[], dataDir: string, env: Env): Promise<Api> {
  const child = startCli(['serve', ...args], dataDir, { LOG_LEVEL: 'info', PORT: '0', ...env })
  child.stdout!.resume()
  const port = await new Promise<number>((resolve, reject) => {
    let words = ''
    child.stderr!.on('data', (text: Buffer) => {
      words = (words + text.toString()).slice(-4000)
      const line = words.split('\n').find((one) => one.includes('"listening"'))
      if (line?.endsWith('}')) resolve((JSON.parse(line) as { port: number }).port)
    })
    child.once('exit', (code) => reject(new Error(`serve ended with ${code}: ${words}`)))
  })
  return { child, url: `http://127.0.0.1:${port}` }
}

/** Ends a process in good order. @throws when it does not end with 0 */
async function stopApi({ child }: Api): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const [code] = (await ended) as [number | null]
  if (code !== 0) throw new Error(`serve ended with ${code}`)
}

async function post(url: string, body: object): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(30_000),
  })
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`)
}

/**
 * Lets clients fight over the hot products by way of all processes of the API, kills some of them and
 * replaces them, and waits until what they asked for is done.
 * @returns their calls
 */
async function runTraffic(apis: Api[], folder: string): Promise<Call[]> {
  const [{ url }] = apis as [Api]
  for (const name of ['Hot', SOURCE, ...TARGETS]) await post(`${url}/brands`, { name })
  for (let n = 0; n < SOURCE_PRODUCTS; n++) {
    await post(`${url}/products`, { brand: SOURCE, ...sourceProduct(n) })
  }
  const random = seededRandom('traffic')
  const files: string[] = []
  const start = (): ChildProcess => {
    const number = files.length
    const file = path.join(folder, `client-${number}.ndjson`)
    files.push(file)
    const seed = Math.floor(random() * 2 ** 31)
    const main = path.join(root, 'test/support/traffic/client-main.ts')
    const api = apis[number % apis.length]!
    const child = startNode(['--import', 'tsx', main, api.url, `${number}`, `${seed}`, file])
    child.stderr!.resume()
    return child
  }
  const clients = Array.from({ length: CLIENTS }, start)
  const end = Date.now() + SECONDS * 1000
  // A quarter of them, and all at the end.
  for (let killed = 0; killed < CLIENTS / 4; killed++) {
    await sleep((SECONDS * 1000) / (CLIENTS / 4 + 1))
    await kill(clients.splice(Math.floor(random() * clients.length), 1)[0]!)
    clients.push(start())
  }
  await sleep(end - Date.now())
  // Traffic that refuses everything, or is hardly any, would be explained as well.
  const enough = async () => {
    const fine = (await readHistory(files)).filter(({ answer }) => answer && answer.status < 300)
    return OPS.every((op) => fine.filter(({ request }) => request.op === op).length >= AT_LEAST)
  }
  await until(`every kind of request has succeeded ${AT_LEAST} times`, enough, 300_000)
  await Promise.all(clients.map(kill))
  return readHistory(files)
}

async function readHistory(files: string[]): Promise<Call[]> {
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')))
  return readCalls(texts.flatMap((text) => text.split('\n').filter((line) => line !== '')))
}

/** @throws when it has ended by itself: a client only does so when it is wrong */
async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) throw new Error(`a client ended with ${child.exitCode}`)
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

/** Reads from the tables what the answers left open. */
async function readAftermath(database: Database): Promise<Aftermath> {
  const { knex } = database
  const products = await knex('product').select<{ id: string; attributes: string }[]>(
    'id',
    'attributes',
  )
  const idOfMark = new Map<string, string>()
  for (const { id, attributes } of products) {
    const { mark } = JSON.parse(attributes) as { mark?: string }
    if (mark === undefined) continue
    if (idOfMark.has(mark)) throw new Error(`${mark} was created twice`)
    idOfMark.set(mark, id)
  }
  const copies: Aftermath['copies'] = new Map()
  const requests = await knex('copy_request').select<{ id: string; request_key: string }[]>(
    'id',
    'request_key',
  )
  for (const request of requests) {
    const results = []
    for await (const one of copyResults(database, request.id)) results.push(one)
    copies.set(request.request_key, results as never)
  }
  return { idOfMark, copies }
}

/**
 * Seconds of random traffic over all entries; then every answer must be explained, and the tables
 * must keep the promise.
 * @param start starts the processes of the API
 * @param open opens their database, when they have ended
 */
export async function expectExplained(
  start: () => Promise<Api[]>,
  open: () => Promise<TestDatabase>,
): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'product-copy-traffic-'))
  const apis = await start()
  const calls = await runTraffic(apis, folder)
  await Promise.all(apis.map(stopApi))
  const fixture = await open()
  const { database } = fixture
  await finish(fixture, await database.knex('copy_request').pluck<string[]>('id'))
  const problems = inexplicable(calls, await readAftermath(database))
  const audited = await audit(database)
  await database.close()
  process.stderr.write(`${summary(calls)}, histories in ${folder}\n`)
  expect(problems.slice(0, 10)).toEqual([])
  expect(audited).toEqual({ ...audited, ...CLEAN })
  await rm(folder, { recursive: true })
}

/** Such as "1200 calls: create 201 300, create 200 25". */
function summary(calls: Call[]): string {
  const counts = new Map<string, number>()
  for (const { request, answer } of calls) {
    const name = `${request.op} ${answer?.status ?? 'unanswered'}`
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  const parts = [...counts].sort().map(([name, count]) => `${name}: ${count}`)
  return `${calls.length} calls (${parts.join(', ')})`
}
