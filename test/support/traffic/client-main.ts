/**
 * A client of the API that creates, deletes, renames, restores and copies hot products until it is
 * killed. Its requests follow from its seed; only ids come from the answers. Arguments: URL, number,
 * seed, file for its history.
 */
import { appendFileSync } from 'node:fs'
import { randomFrom } from '../random.ts'
import { HOT_KEYS, hotProduct, keyOf, SOURCE, TARGETS } from './keys.ts'
import type { Answered, Asked, Request } from './records.ts'

const [url, client, seed, file] = process.argv.slice(2) as [string, string, string, string]
const TIMEOUT_MS = 30_000

const below = (n: number) => Math.floor(random() * n)
const write = (line: Asked | Answered) => appendFileSync(file, `${JSON.stringify(line)}\n`)
const now = () => Number(process.hrtime.bigint())

/** Each step has random numbers of its own: what was answered before must not change what is asked. */
let step = 0
let random = randomFrom(0)
let calls = 0
async function call(
  request: Request,
  method: string,
  path: string,
  body?: object,
  headers?: Record<string, string>,
): Promise<{ status: number; body: unknown }> {
  const name = `${client}-${step}.${++calls}`
  write({ what: 'asked', call: name, at: now(), request })
  const response = await fetch(url + path, {
    method,
    headers: { ...headers, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  const text = await response.text()
  const answer = {
    status: response.status,
    body: text === '' ? null : (JSON.parse(text) as unknown),
  }
  write({ what: 'answered', call: name, at: now(), ...answer })
  return answer
}

/** The same product in another spelling. */
function spelled({ name, model }: { name: string; model: string }) {
  const spell = [
    (text: string) => text,
    (text: string) => text.toUpperCase(),
    (text: string) => ` ${text.replaceAll(' ', '  ')}`,
  ][below(3)]!
  return { name: spell(name), model: spell(model) }
}

let marks = 0
function newItem(key: number) {
  const product = hotProduct(key)
  const mark = `${client}-${step}:${++marks}`
  return {
    mark: { mark, key: keyOf(product) },
    item: { brand: 'Hot', ...spelled(product), attributes: { mark } },
  }
}

const policy = () => (below(5) === 0 ? 'fail' : 'return-existing')

async function create(key: number): Promise<void> {
  const { mark, item } = newItem(key)
  const body = { ...item, policy: policy() }
  await call({ op: 'create', policy: body.policy, items: [mark] }, 'POST', '/products', body)
}

async function batch(): Promise<void> {
  const made = Array.from({ length: 2 + below(19) }, () => newItem(below(HOT_KEYS)))
  const body = { policy: policy(), items: made.map(({ item }) => item) }
  const items = made.map(({ mark }) => mark)
  await call({ op: 'batch', policy: body.policy, items }, 'POST', '/products/batch', body)
}

/** @returns the id of the product that holds the key */
async function find(key: number): Promise<string | undefined> {
  const product = hotProduct(key)
  const query = new URLSearchParams(spelled(product)).toString()
  const answer = await call({ op: 'find', key: keyOf(product) }, 'GET', `/products?${query}`)
  return (answer.body as { products: { id: string }[] }).products[0]?.id
}

/** By key: the ids that this client has deleted. */
const deleted = new Map<number, string[]>()

async function remove(key: number): Promise<void> {
  const id = await find(key)
  if (id === undefined) return
  await call({ op: 'delete', id }, 'DELETE', `/products/${id}`)
  deleted.set(key, [...(deleted.get(key) ?? []), id])
}

async function rename(from: number, to: number): Promise<void> {
  const product = hotProduct(to)
  const id = await find(from)
  if (id === undefined) return
  await call(
    { op: 'rename', id, key: keyOf(product) },
    'PATCH',
    `/products/${id}`,
    spelled(product),
  )
}

async function restore(key: number): Promise<void> {
  const id = deleted.get(key)?.at(-1)
  if (id === undefined) return void (await find(key))
  await call({ op: 'restore', id }, 'POST', `/products/${id}/restore`)
}

async function copy(): Promise<void> {
  const to = TARGETS.filter(() => below(3) === 0)
  const requestKey = `${client}-${step}`
  const body = { from: SOURCE, to: to.length > 0 ? to : [TARGETS[0]], policy: policy() }
  const headers = { 'idempotency-key': requestKey }
  await call({ op: 'copy', requestKey }, 'POST', '/copy-requests', body, headers)
}

for (;;) {
  step++
  calls = 0
  marks = 0
  random = randomFrom(Number(seed) + step)
  const what = below(100)
  const key = below(HOT_KEYS)
  const other = below(HOT_KEYS)
  if (what < 30) await create(key)
  else if (what < 38) await batch()
  else if (what < 60) await remove(key)
  else if (what < 72) await rename(key, other)
  else if (what < 84) await restore(key)
  else if (what < 86) await copy()
  else {
    await remove(key)
    if (what < 93) await create(key)
    else await restore(key)
  }
}
