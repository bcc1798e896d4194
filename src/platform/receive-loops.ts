import { setTimeout as sleep } from 'node:timers/promises'
import { MAX_BATCH, type Delivery, type Handler } from '../broker.ts'
import { errorText } from '../errors.ts'
import { slicesWithin } from '../slices.ts'
import { backoff, pause } from './pause.ts'
import type { FaultLog } from './fault-log.ts'
import type { Logger } from './logger.ts'

/** One consumer group's messages of one topic, as a broker gives them out that hides what is in hand. */
export interface MessageSource<M> {
  /** Waits a few seconds for up to `max` messages. They stay hidden from others for `HIDDEN_MS`. */
  receive(max: number): Promise<M[]>
  toDelivery(message: M): Delivery
  /** Hides the message for so many milliseconds from now. */
  hide(message: M, ms: number): Promise<void>
  /** Acknowledges messages that were received together. @returns those that are not acknowledged */
  acknowledge(messages: M[]): Promise<M[]>
}

/** What a killed process had in hand reaches another one after this time. RocketMQ's least is 10 s. */
export const HIDDEN_MS = 10_000
/** Two of these may fail, or come late, before somebody else is given the message. */
const HIDE_AGAIN_MS = 3000
const RETRY_MS = { first: 1000, longest: 30_000 }
const RELEASE_MS = 100
const FAULT_PAUSE_MS = { first: 200, longest: 5000 }
/**
 * After a failure all loops ask for one message at a time, until the one that failed has come again: those
 * behind it would use up attempts with it. A call that waits for a message lasts 5 s.
 */
const CAREFUL_MS = 6000
const ACKNOWLEDGE = { attempts: 3, pauseMs: 300 }

export interface ReceiveOptions<M> {
  source: MessageSource<M>
  handle: Handler
  ready?: ((stopping: AbortSignal) => Promise<void>) | undefined
  loops: number
  fault: FaultLog
  logger: Logger
}

export interface ReceiveLoops {
  /** Resolves when the messages in hand are settled. Calls that wait for a message may last longer. */
  stop(): Promise<void>
  /** Resolves after a stop, when the last of those calls has come back. */
  ended: Promise<void>
}

/** Receives and handles messages in a number of loops, some small ones or a large one at a time in each. */
export function startReceiveLoops<M>(options: ReceiveOptions<M>): ReceiveLoops {
  const stopping = new AbortController()
  const inHand = new Set<Promise<unknown>>()
  const care = { until: 0 }
  const running = Array.from({ length: options.loops }, () =>
    receiveLoop(options, inHand, care, stopping.signal),
  )
  return {
    async stop() {
      stopping.abort()
      await Promise.allSettled(inHand)
    },
    ended: Promise.all(running).then(() => undefined),
  }
}

async function receiveLoop<M>(
  options: ReceiveOptions<M>,
  inHand: Set<Promise<unknown>>,
  care: { until: number },
  stopping: AbortSignal,
): Promise<void> {
  const { source, ready, fault } = options
  let failures = 0
  let max = 1
  while (!stopping.aborted) {
    try {
      await ready?.(stopping)
      const messages = await source.receive(performance.now() < care.until ? 1 : max)
      failures = 0
      fault.worked()
      if (messages.length === 0) continue
      const deliveries = messages.map((message) => source.toDelivery(message))
      // What comes after the stop is for another process, which may have it at once.
      const settled = stopping.aborted
        ? release(source, messages).then(() => 0)
        : settle(options, messages, deliveries, stopping)
      inHand.add(settled)
      const done = await settled.finally(() => inHand.delete(settled))
      if (done === messages.length) max = nextMax(max, deliveries)
      else {
        max = 1
        const rest = backoff(RETRY_MS, deliveries[done]!.attempt)
        care.until = Math.max(care.until, performance.now() + rest + CAREFUL_MS)
      }
    } catch (error) {
      if (stopping.aborted) return
      fault.failed(error)
      await pause(backoff(FAULT_PAUSE_MS, ++failures), stopping)
    }
  }
}

/** How many messages to ask for: it grows while they are small. */
function nextMax(max: number, deliveries: Delivery[]): number {
  const largest = Math.max(...deliveries.map(({ body }) => body.length))
  const fitting = Math.floor(MAX_BATCH.bytes / Math.max(1, largest))
  return Math.max(1, Math.min(2 * max, fitting, MAX_BATCH.count))
}

/** @returns how many of the messages are done */
async function settle<M>(
  options: ReceiveOptions<M>,
  messages: M[],
  deliveries: Delivery[],
  stopping: AbortSignal,
): Promise<number> {
  const { source, handle } = options
  const hiding = keepHidden(options, messages)
  const done = await handleSlices(handle, deliveries, stopping)
  await hiding.end()
  const [failed, ...behind] = messages.slice(done)
  const settling = [acknowledge(source, messages.slice(0, done))]
  if (failed !== undefined) {
    // Its queue waits for it.
    const rest = stopping.aborted ? RELEASE_MS : backoff(RETRY_MS, deliveries[done]!.attempt)
    settling.push(source.hide(failed, rest), release(source, behind))
  }
  const settled = await Promise.allSettled(settling)
  for (const one of settled) if (one.status === 'rejected') throw one.reason
  return done
}

/**
 * After small messages as many large ones may have come: no more of them are read at once than make a batch.
 * @returns how many of the messages, from the first on, are done
 */
async function handleSlices(
  handle: Handler,
  deliveries: Delivery[],
  stopping: AbortSignal,
): Promise<number> {
  let done = 0
  for (const slice of slicesWithin(deliveries, ({ body }) => body.length, MAX_BATCH)) {
    // The handler has logged why it failed.
    const ofSlice = await handle(slice, stopping).catch(() => 0)
    done += ofSlice
    if (ofSlice < slice.length) break
  }
  return done
}

async function release<M>(source: MessageSource<M>, messages: M[]): Promise<void> {
  await Promise.all(messages.map((message) => source.hide(message, RELEASE_MS)))
}

/**
 * Hides messages again and again while they are in hand. Where that fails for too long, somebody else
 * is given them too: the handler has to bear that anyway.
 */
function keepHidden<M>({ source, logger }: ReceiveOptions<M>, messages: M[]) {
  const notHidden = (error: unknown) =>
    logger.debug({ err: errorText(error) }, 'a message in hand could not be kept hidden')
  let hiding: Promise<unknown> | undefined
  const timer = setInterval(() => {
    hiding ??= Promise.all(
      messages.map((message) => source.hide(message, HIDDEN_MS).catch(notHidden)),
    ).finally(() => (hiding = undefined))
  }, HIDE_AGAIN_MS)
  return {
    // Waited for: each call changes the handle by which the message is acknowledged.
    async end() {
      clearInterval(timer)
      await hiding
    },
  }
}

/** @throws when a few tries do not succeed for all of them: the others come again then */
async function acknowledge<M>(source: MessageSource<M>, messages: M[]): Promise<void> {
  let left = messages
  let failure: unknown
  for (let attempt = 1; left.length > 0; attempt++) {
    if (attempt > ACKNOWLEDGE.attempts) throw failure
    if (attempt > 1) await sleep(ACKNOWLEDGE.pauseMs)
    try {
      left = await source.acknowledge(left)
      failure = new Error(`${left.length} messages could not be acknowledged`)
    } catch (error) {
      failure = error
    }
  }
}
