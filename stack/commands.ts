import { rm } from 'node:fs/promises'
import path from 'node:path'
import { badInput, errorText } from '../src/errors.ts'
import { SUBSCRIPTIONS } from '../src/parties.ts'
import type { Guard } from './guard.ts'
import { KINDS } from './kinds.ts'
import { createPart, PART_NAMES, type Env, type Part, type PartName } from './part.ts'
import { freePorts } from './ports.ts'
import { endProcess, isRunning } from './processes.ts'
import { createGroup, createTopic, deleteGroup, deleteTopic } from './rocketmq-admin.ts'
import { locked, readState, takeFolder, writeState, type State } from './state.ts'

export interface Stack {
  folder: string
  up: boolean
  /** The environment variables under which programs find the parts. */
  env: Env
  parts: PartStatus[]
}

export interface PartStatus {
  name: PartName
  port: number
  /** The process ids by name; null for a process that has ended. */
  processes: Record<string, number | null>
  answers: boolean
  version: string | null
}

/** Several parts could not be started; each line is for one of them. */
export class StackError extends Error {
  readonly lines: string[]

  constructor(lines: string[]) {
    super(lines.join('; '))
    this.lines = lines
  }
}

const END_TIMEOUT_MS = 5000
const QUEUES = 8
const MAX_RETRIES = 16

/**
 * Starts the named parts, those that run already left alone and those that have ended started again
 * with their data. What it starts is undone by the guard until that is released.
 * @throws StackError, or a ProductCopyError
 */
export async function up(folder: string, names: PartName[], guard: Guard): Promise<Stack> {
  const state = readState(folder) ?? {}
  const needed = names.filter((name) => !runs(state, name))
  const missing = needed.flatMap((name) => {
    const what = KINDS[name].missing()
    return what === undefined ? [] : `${name}: ${what}`
  })
  if (missing.length > 0) throw new StackError(missing)
  takeFolder(folder)
  return locked(folder, () => startParts(folder, names, guard))
}

const runs = (state: State, name: PartName): boolean => {
  const processes = Object.values(state[name]?.processes ?? {})
  return processes.length > 0 && processes.every(isRunning)
}

async function startParts(folder: string, names: PartName[], guard: Guard): Promise<Stack> {
  const saved = readState(folder)
  const state: State = saved ?? {}
  if (!saved) guard.add({ remove: folder })
  writeState(folder, state)
  const starts = await Promise.allSettled(
    names.map(async (name) => {
      const kind = KINDS[name]
      const { port, processes } = state[name] ?? {
        port: await freePorts(kind.ports),
        processes: {},
      }
      const onStart = (part: Part) => {
        state[name] = { port, processes: part.processes }
        writeState(folder, state)
      }
      const place = { folder: path.join(folder, name), port }
      await createPart(kind, place, { guard, processes, onStart }).start()
    }),
  )
  const faults = starts.flatMap((start, i) =>
    start.status === 'rejected' ? `${names[i]}: ${errorText(start.reason)}` : [],
  )
  if (faults.length > 0) throw new StackError(faults)
  const stack = await status(folder)
  if (names.includes('rocketmq')) await createTopics(stack.env['ROCKETMQ_NAMESRV']!)
  return stack
}

/** What the product needs on the broker, with what ROCKETMQ_PREFIX puts before the names. */
export async function createTopics(namesrv: string, prefix = ''): Promise<void> {
  for (const { topic, consumerGroup } of SUBSCRIPTIONS) {
    await createTopic(namesrv, prefix + topic, { queues: QUEUES })
    await createGroup(namesrv, prefix + consumerGroup, { orderly: true, maxRetries: MAX_RETRIES })
  }
}

export async function deleteTopics(namesrv: string, prefix: string): Promise<void> {
  for (const { topic, consumerGroup } of SUBSCRIPTIONS) {
    await deleteTopic(namesrv, prefix + topic)
    await deleteGroup(namesrv, prefix + consumerGroup)
  }
}

/** Looks at each part, and asks it for its version. */
export async function status(folder: string): Promise<Stack> {
  const state = readState(folder)
  const names = PART_NAMES.filter((name) => state?.[name])
  const env = names.map((name) => KINDS[name].env({ folder, port: state![name]!.port }))
  return {
    folder,
    up: state !== undefined,
    env: inOrder(Object.assign({}, ...env) as Env),
    parts: await Promise.all(names.map((name) => partStatus(folder, name, state!))),
  }
}

async function partStatus(folder: string, name: PartName, state: State): Promise<PartStatus> {
  const { port, processes } = state[name]!
  const pids = Object.entries(processes).map(([of, id]) => [of, isRunning(id) ? id.pid : null])
  // A program of somebody else's may listen on the port of a part that has ended.
  const version = runs(state, name)
    ? await KINDS[name].version(KINDS[name].env({ folder, port })).catch(() => null)
    : null
  return {
    name,
    port,
    processes: Object.fromEntries(pids) as PartStatus['processes'],
    answers: version !== null,
    version,
  }
}

/** What the program itself reads comes first. */
function inOrder(env: Env): Env {
  const first = ['DATABASE_URL', 'REDIS_URL', 'ROCKETMQ_ENDPOINTS']
  const names = [...first.filter((name) => name in env), ...Object.keys(env)]
  return Object.fromEntries(names.map((name) => [name, env[name]!]))
}

/** Ends all parts and removes the folder. @returns false when there was no stack */
export async function down(folder: string): Promise<boolean> {
  if (!readState(folder)) return false
  return locked(folder, async () => {
    const state = readState(folder)
    if (!state) return false
    await Promise.all(
      PART_NAMES.flatMap((name) =>
        Object.values(state[name]?.processes ?? {}).map((id) =>
          endProcess(id, KINDS[name].endSignal, END_TIMEOUT_MS),
        ),
      ),
    )
    await rm(folder, { recursive: true, maxRetries: 5 })
    return true
  })
}

/** @throws ProductCopyError `bad-input` that names the parts there are */
export function partNames(list: string): PartName[] {
  const names = list.split(',').map((name) => name.trim())
  const wrong = names.find((name) => !PART_NAMES.includes(name as PartName))
  if (wrong === undefined) return names as PartName[]
  throw badInput(`--only ${JSON.stringify(wrong)}: the parts are ${PART_NAMES.join(', ')}`)
}
