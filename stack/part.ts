import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { errorText, ProductCopyError } from '../src/errors.ts'
import type { Guard } from './guard.ts'
import { isFree } from './ports.ts'
import {
  endProcess,
  isRunning,
  startProcess,
  type ProcessId,
  type ProcessSpec,
  type StartedProcess,
} from './processes.ts'

export const PART_NAMES = ['mysql', 'postgres', 'redis', 'rocketmq'] as const
export type PartName = (typeof PART_NAMES)[number]

/** Where one instance of a part lives. It keeps both when it is stopped and started again. */
export interface Place {
  folder: string
  /** The first of the part's ports. */
  port: number
}

/** Environment variables. */
export type Env = Record<string, string>

/** How one kind of part is run from the machine's own programs. One small file implements each. */
export interface PartKind {
  name: PartName
  /** How many ports in a row it needs. */
  ports: number
  /** @returns what is missing on this machine and how to get it; undefined when nothing is */
  missing(): string | undefined
  /** Fills the empty folder `data` of a new instance. */
  prepare(place: Place, data: string, guard: Guard): Promise<void>
  /** The processes by name; `data` is the folder that `prepare` filled. */
  processes(place: Place, data: string): Record<string, ProcessSpec>
  /** Does what can only be done while it runs; called again until it succeeds. */
  setUp?(place: Place): Promise<void>
  /** The environment variables under which programs find it; the first one has its URL. */
  env(place: Place): Env
  /** Asks a part for its version, wherever it is. @throws when it does not answer in some seconds */
  version(env: Env): Promise<string>
  /** Ends it in good order, everything being written. */
  stopSignal: NodeJS.Signals
  /** Ends it at once, for one whose data nobody needs any more. */
  endSignal: NodeJS.Signals
}

export interface Part {
  readonly name: PartName
  readonly place: Place
  readonly env: Env
  /** The processes that were started, running or not. */
  readonly processes: Readonly<Record<string, ProcessId>>
  /**
   * Starts what does not run, and resolves when the part answers. The first start makes its data.
   * @throws ProductCopyError `could-not-run` with what it said; then none of it runs
   */
  start(): Promise<void>
  /** Ends it in good order; `start` goes on with the same data on the same port. */
  stop(): Promise<void>
  /** SIGKILL, as in a crash; `start` goes on with what the part has kept. */
  kill(): Promise<void>
  /** Ends it at once, for good. */
  end(): Promise<void>
  /** @returns its version, or undefined when it does not answer */
  answers(): Promise<string | undefined>
}

export interface PartOptions {
  guard: Guard
  /** The processes of an instance that an earlier process has started. */
  processes?: Record<string, ProcessId>
  /** Called when a process has been started. */
  onStart?: (part: Part) => void
}

const START_TIMEOUT_MS = 120_000
/** RocketMQ takes 12 s to stop in good order. */
const STOP_TIMEOUT_MS = 60_000
const END_TIMEOUT_MS = 5000

export function createPart(kind: PartKind, place: Place, options: PartOptions): Part {
  const { guard, onStart } = options
  const processes: Record<string, ProcessId> = { ...options.processes }
  const env = kind.env(place)
  const data = path.join(place.folder, 'data')
  const logOf = (name: string) => path.join(place.folder, `${name}.log`)

  async function start(): Promise<void> {
    try {
      await prepare()
      const running: [string, StartedProcess][] = []
      if (Object.values(processes).every((id) => !isRunning(id))) await checkPorts()
      for (const [name, spec] of Object.entries(kind.processes(place, data))) {
        if (processes[name] && isRunning(processes[name])) continue
        const started = await startProcess(spec, logOf(name))
        processes[name] = { pid: started.pid, startedAt: started.startedAt }
        guard.add({ end: processes[name], signal: kind.endSignal })
        onStart?.(part)
        running.push([name, started])
      }
      await untilItAnswers(running)
    } catch (cause) {
      await part.end()
      throw new ProductCopyError('could-not-run', errorText(cause), { cause })
    }
  }

  /** Aside and moved into place, so that a kill leaves no half of a database. */
  async function prepare(): Promise<void> {
    if (existsSync(data)) return
    // Its parent is not made: it may just have been removed, when all of this was interrupted.
    if (!existsSync(place.folder)) await mkdir(place.folder)
    const aside = `${data}.new`
    await rm(aside, { recursive: true, force: true })
    await mkdir(aside)
    await kind.prepare(place, aside, guard)
    await rename(aside, data)
  }

  async function checkPorts(): Promise<void> {
    for (let port = place.port; port < place.port + kind.ports; port++) {
      if (!(await isFree(port))) throw new Error(`port ${port} is taken by another program`)
    }
  }

  async function untilItAnswers(running: [string, StartedProcess][]): Promise<void> {
    // Its log is read by whoever still waits: a process that ends later may have none any more.
    let ended: (() => string) | undefined
    for (const [name, { exit, words }] of running) {
      void exit.then((code) => (ended ??= () => `${name} ended with ${code}: ${words()}`))
    }
    const deadline = Date.now() + START_TIMEOUT_MS
    while (true) {
      let fault: unknown
      try {
        await kind.setUp?.(place)
        await kind.version(env)
        return
      } catch (error) {
        fault = error
      }
      if (ended !== undefined) throw new Error(ended())
      if (Date.now() > deadline) throw fault
      await sleep(100)
    }
  }

  const endAll = (signal: NodeJS.Signals, timeoutMs: number) =>
    Promise.all(Object.values(processes).map((id) => endProcess(id, signal, timeoutMs)))

  const part: Part = {
    name: kind.name,
    place,
    env,
    processes,
    start,
    async stop() {
      await endAll(kind.stopSignal, STOP_TIMEOUT_MS)
    },
    async kill() {
      await endAll('SIGKILL', END_TIMEOUT_MS)
    },
    async end() {
      await endAll(kind.endSignal, END_TIMEOUT_MS)
    },
    answers: () => kind.version(env).catch(() => undefined),
  }
  return part
}
