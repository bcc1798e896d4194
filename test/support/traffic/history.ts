import { whyNotLinearizable, type Step } from '../linearizable.ts'
import { keyOf } from './keys.ts'
import type { Answered, Asked, Mark } from './records.ts'

/** One request with its answer, if there was one. */
export interface Call extends Asked {
  answer?: Answered
}

/** Puts the lines of all clients together. The last line of a killed one may be half of one. */
export function readCalls(lines: string[]): Call[] {
  const calls = new Map<string, Call>()
  for (const line of lines) {
    const record = parse(line)
    if (record?.what === 'asked') calls.set(record.call, record)
    else if (record) calls.get(record.call)!.answer = record
  }
  return [...calls.values()]
}

function parse(line: string): Asked | Answered | undefined {
  try {
    return JSON.parse(line) as Asked | Answered
  } catch {
    return undefined
  }
}

/** What is read from the tables when all is over. */
export interface Aftermath {
  /** The ids of the products by the marks that they were created with. */
  idOfMark: Map<string, string>
  /** The results of the copy requests, by request key. */
  copies: Map<
    string,
    { name: string; model: string; outcome: string; id?: string; existingId?: string }[]
  >
}

/**
 * Something that happened to products. Of `optional` ones it is not known whether they did.
 * - `take`: the product got the key, which nobody had
 * - `keep`: the same, or it had the key already
 * - `hold`: the product was seen to have the key
 * - `none`: nobody was seen to have the key
 * - `move`: the product got the key, and let go of any other
 * - `leave`: the product let go of whatever key it had
 * - `revive`: the product got back the key that it had last, whichever that was
 * - `gone`: the product was seen to be deleted
 */
interface Event {
  what: 'take' | 'keep' | 'hold' | 'none' | 'move' | 'leave' | 'revive' | 'gone'
  id: string
  key: string
  from: number
  to: number
  optional?: boolean
  text: string
}

/** @returns what no order of events explains, one line for each key or product */
export function inexplicable(calls: Call[], aftermath: Aftermath): string[] {
  const problems: string[] = []
  const events = calls.flatMap((call) => {
    try {
      return eventsOf(call, aftermath)
    } catch (error) {
      problems.push(`${call.call}: ${(error as Error).message}: ${JSON.stringify(call)}`)
      return []
    }
  })
  const keysOf = new Map<string, Set<string>>()
  for (const { id, key } of events) {
    if (id !== '' && key !== '') keysOf.set(id, (keysOf.get(id) ?? new Set()).add(key))
  }
  const byKey = new Map<string, Step<string>[]>()
  const byId = new Map<string, Step<ProductState>[]>()
  const add = <S>(map: Map<string, Step<S>[]>, name: string, step: Step<S>) =>
    map.set(name, [...(map.get(name) ?? []), step])
  for (const event of events) {
    const keys = event.key === '' ? [] : [event.key]
    const others = ['move', 'leave', 'revive'].includes(event.what) ? keysOf.get(event.id) : []
    for (const key of new Set([...keys, ...(others ?? [])])) {
      const apply = keyStep(event, key)
      if (apply) add(byKey, key, { ...event, apply })
    }
    if (event.id !== '') add(byId, event.id, { ...event, apply: productStep(event) })
  }
  for (const [key, steps] of byKey) {
    const why = whyNotLinearizable(steps, '')
    if (why !== undefined) problems.push(`key ${key}: ${why}`)
  }
  for (const [id, steps] of byId) {
    const why = whyNotLinearizable<ProductState>(steps, { key: '', live: false })
    if (why !== undefined) problems.push(`product ${id}: ${why}`)
  }
  return problems
}

/** @returns what an event does to a key, whose state is the id of its holder, or '' */
function keyStep({ what, id, key }: Event, of: string): Step<string>['apply'] | undefined {
  const free = (holder: string) => (holder === id ? '' : holder)
  const get = (holder: string) => (holder === '' || holder === id ? id : undefined)
  if (what === 'leave' || (what === 'move' && key !== of)) return free
  switch (what) {
    case 'take':
      return (holder) => (holder === '' ? id : undefined)
    case 'keep':
    case 'move':
    case 'revive':
      return get
    case 'hold':
      return (holder) => (holder === id ? id : undefined)
    case 'none':
      return (holder) => (holder === '' ? '' : undefined)
    case 'gone':
      return undefined
  }
}

/** Of a product: its last key, '' before it was created. */
interface ProductState {
  key: string
  live: boolean
}

function productStep({ what, key }: Event): Step<ProductState>['apply'] {
  switch (what) {
    case 'take':
      return (now) => (now.key === '' ? { key, live: true } : undefined)
    case 'keep':
      return (now) => (now.key === key ? { key, live: true } : undefined)
    case 'hold':
      return (now) => (now.key === key && now.live ? now : undefined)
    case 'move':
      return (now) => (now.live ? { key, live: true } : undefined)
    case 'leave':
      return (now) => (now.key === '' ? undefined : { key: now.key, live: false })
    case 'revive':
      return (now) => (now.key === '' ? undefined : { key: now.key, live: true })
    case 'gone':
      return (now) => (now.live ? undefined : now)
    case 'none':
      return (now) => now
  }
}

/** @throws for an answer that the API must never give */
function eventsOf(call: Call, aftermath: Aftermath): Event[] {
  const { request, at, answer } = call
  const time = { from: at, to: answer?.at ?? Infinity }
  // A refusal because others won too often says that nothing was written.
  if (answer?.status === 503 && (answer.body as { code: string }).code === 'contended') {
    const written =
      'items' in request && request.items.find(({ mark }) => aftermath.idOfMark.has(mark))
    if (written) throw new Error(`${written.mark} was written`)
    return []
  }
  const event = (what: Event['what'], id: string, key: string): Event => ({
    ...time,
    ...(answer ? {} : { optional: true }),
    what,
    id,
    key,
    text: `${call.call} ${request.op}: ${what} ${id} ${key}`,
  })
  switch (request.op) {
    case 'create':
    case 'batch':
      return creation(request.items, answer, aftermath, event)
    case 'find': {
      if (!answer) return []
      const [product] = expectStatus(answer, 200).products as { id: string }[]
      return [product ? event('hold', product.id, request.key) : event('none', '', request.key)]
    }
    case 'delete':
      if (answer && answer.status !== 204) throw new Error(`status ${answer.status}`)
      return [event('leave', request.id, '')]
    case 'rename':
      return change(answer, event, request.id, request.key, 'move')
    case 'restore':
      return change(answer, event, request.id, '', 'keep')
    case 'copy': {
      if (answer) expectStatus(answer, 202)
      const results = aftermath.copies.get(request.requestKey) ?? []
      if (answer && results.length === 0) throw new Error('the copy has no results')
      return results.flatMap((one) =>
        outcomeEvents(one, keyOf(one), event).map((made) => ({
          ...made,
          to: Infinity,
          optional: false,
        })),
      )
    }
  }
}

type MakeEvent = (what: Event['what'], id: string, key: string) => Event

interface Outcome {
  outcome: string
  id?: string
  existingId?: string
}

function creation(
  items: Mark[],
  answer: Answered | undefined,
  { idOfMark }: Aftermath,
  event: MakeEvent,
): Event[] {
  if (!answer) {
    return items.flatMap(({ mark, key }) => {
      const id = idOfMark.get(mark)
      return id === undefined ? [] : [{ ...event('take', id, key), optional: false }]
    })
  }
  const outcomes = outcomesOf(answer)
  if (outcomes.length !== items.length) throw new Error(`${outcomes.length} outcomes`)
  return outcomes.flatMap((outcome, i) => {
    const { mark, key } = items[i]!
    const id = idOfMark.get(mark)
    if (id !== (outcome.outcome === 'created' ? outcome.id : undefined)) {
      throw new Error(`${mark} is product ${id}, and was answered ${JSON.stringify(outcome)}`)
    }
    return outcomeEvents(outcome, key, event)
  })
}

/** The same for one product and for a batch. */
function outcomesOf({ status, body }: Answered): Outcome[] {
  const answer = body as { outcomes?: Outcome[]; existingId?: string } & Outcome
  if (answer.outcomes && (status === 200 || status === 409)) return answer.outcomes
  if (status === 201 || status === 200) return [answer]
  if (status === 409) return [{ outcome: 'rejected', existingId: answer.existingId! }]
  throw new Error(`status ${status}`)
}

function outcomeEvents(one: Outcome, key: string, event: MakeEvent): Event[] {
  if (one.outcome === 'created') return [event('take', one.id!, key)]
  if (one.outcome === 'existing') return [event('hold', one.id!, key)]
  return one.existingId === undefined ? [] : [event('hold', one.existingId, key)]
}

function change(
  answer: Answered | undefined,
  event: MakeEvent,
  id: string,
  key: string,
  what: 'move' | 'keep',
): Event[] {
  if (!answer) return [what === 'keep' ? event('revive', id, '') : event(what, id, key)]
  if (answer.status === 404 && what === 'move') return [event('gone', id, '')]
  if (answer.status === 409) {
    const { existingId } = answer.body as { existingId: string }
    return what === 'keep' ? [event('gone', id, '')] : [event('hold', existingId, key)]
  }
  const product = expectStatus(answer, 200) as unknown as {
    id: string
    name: string
    model: string
  }
  if (product.id !== id) throw new Error('another product was answered')
  return [event(what, id, keyOf(product))]
}

function expectStatus(answer: Answered, status: number): Record<string, unknown> {
  if (answer.status !== status) throw new Error(`status ${answer.status}, not ${status}`)
  return answer.body as Record<string, unknown>
}
