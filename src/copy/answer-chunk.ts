import { ProductCopyError } from '../errors.ts'
import type { Delivery } from '../broker.ts'
import type { Database, NewResultRow, Transaction } from '../database.ts'
import {
  bodyHash,
  isGivenUp,
  MAX_CHUNK_SIZE,
  parseChunkMessage,
  parseResultMessage,
  resultBody,
  resultMessage,
  type ChunkMessage,
  type Outcome,
} from '../messages.ts'
import { createProducts, type Batch, type CreateOptions } from '../products/create-products.ts'
import { readProducts, type ReadProduct, type Unreadable } from '../products/read-product.ts'
import { unreadable } from '../read-message.ts'
import { CLAIM_MS, type OutboxRow } from './outbox.ts'

/**
 * A chunk as it arrived: what it says, its text, and the message group in which its result is to go. Of
 * its items only the products are kept: thousands of both, until the commit, would cost more to hold
 * (each collection of garbage copies what is in use) than to read.
 */
export interface ArrivedChunk {
  message: Omit<ChunkMessage, 'items'>
  products: Batch['products']
  /** Of all texts of its products. */
  characters: number
  body: string
  group: string
}

/**
 * Of all texts in a transaction, more than a chunk of ours has. A packed chunk can copy one large product thousands of times, and
 * no database would take the statement: at three bytes each this is still within MySQL's 16 MiB.
 */
const MAX_CHARACTERS = 4 * 1024 * 1024

/** @throws ProductCopyError `unreadable-message` */
export function readArrived({ body, group }: Pick<Delivery, 'body' | 'group'>): ArrivedChunk {
  const { items, ...message } = parseChunkMessage(body)
  const products = readProducts(items)
  const characters = products.reduce((sum, product) => sum + lengthOf(product), 0)
  if (characters > MAX_CHARACTERS) {
    throw unreadable(
      `its items have ${characters} characters, at most ${MAX_CHARACTERS} are allowed`,
    )
  }
  return { message, products, characters, body, group }
}

const lengthOf = (product: ReadProduct | Unreadable): number =>
  'reason' in product ? 0 : product.name.length + product.model.length + product.attributes.length

type Tools = Pick<CreateOptions, 'newId' | 'brands'>

/**
 * Step 4: creates the products of chunks and writes their results. A chunk is answered in one
 * transaction; small ones that follow each other share it. A chunk that was answered before gets the
 * same answer once more: its result waits to be published again as it stands.
 *
 * @returns after each transaction the results that it wrote, for the caller to publish: they are claimed for it
 * @throws ProductCopyError `unreadable-message` when another chunk was answered under this name. What
 *   came before it is answered.
 */
export async function* answerChunks(
  database: Database,
  tools: Tools,
  chunks: ArrivedChunk[],
): AsyncGenerator<OutboxRow[]> {
  for (const batch of batches(chunks)) yield await answerTogether(database, tools, batch)
}

/** A chunk of no more items is cheap for those with which it shares a transaction. */
const FEW_ITEMS = 100

/**
 * Cuts a list of chunks into those that share a transaction: a strict one stands or falls by itself, and a
 * small one does not wait for much larger ones behind it.
 */
function batches(chunks: ArrivedChunk[]): ArrivedChunk[][] {
  const all: ArrivedChunk[][] = []
  let items = 0
  let characters = 0
  for (const chunk of chunks) {
    const { message, products } = chunk
    const first = all.at(-1)?.[0]?.message
    const fits =
      first !== undefined &&
      items + products.length <= MAX_CHUNK_SIZE &&
      characters + chunk.characters <= MAX_CHARACTERS &&
      products.length <= Math.max(2 * items, FEW_ITEMS) &&
      first.policy === 'return-existing' &&
      message.policy === 'return-existing' &&
      first.userId === message.userId &&
      first.userName === message.userName
    if (fits) {
      all.at(-1)!.push(chunk)
      items += products.length
      characters += chunk.characters
    } else {
      all.push([chunk])
      items = products.length
      characters = chunk.characters
    }
  }
  return all
}

/** Answers chunks of the same user and policy in one transaction. */
async function answerTogether(
  database: Database,
  { newId, brands }: Tools,
  chunks: ArrivedChunk[],
): Promise<OutboxRow[]> {
  const { policy, userId, userName } = chunks[0]!.message
  const products = chunks.flatMap((chunk) => chunk.products)
  let rows: NewResultRow[] = []
  try {
    await createProducts(
      database,
      { products, policy, user: { id: userId, name: userName } },
      {
        newId,
        brands,
        beforeCommit: async (trx, outcomes) => {
          rows = resultRows(chunks, outcomes)
          if (!(await database.dialect.insertResults(trx, rows, CLAIM_MS))) throw new Answered()
        },
      },
    )
    return rows
  } catch (error) {
    if (!(error instanceof Answered)) throw error
  }
  if (chunks.length === 1) {
    await repeatAnswer(database, chunks[0]!)
    return []
  }
  const results: OutboxRow[] = []
  for (const chunk of chunks) {
    results.push(...(await answerTogether(database, { newId, brands }, [chunk])))
  }
  return results
}

/**
 * The chunk has an answer, and nothing of this one is committed. That is found out last and not first,
 * for a message seldom comes twice, and its look-up would be one more round trip for all the others.
 */
class Answered extends Error {}

/** Step 4 for a chunk whose attempts are used up: all of its items are `failed`, unless it was answered. */
export async function giveUpChunk(
  database: Database,
  trx: Transaction,
  chunk: ArrivedChunk,
  reason: string,
): Promise<void> {
  const outcomes = chunk.products.map((): Outcome => ({ outcome: 'failed', reason }))
  const row = resultRow(chunk, outcomes, 'gave-up')
  await database.dialect.insertResults(trx, [row], null)
}

/** Lets the result of a chunk that was answered before be published once more. */
async function repeatAnswer(database: Database, chunk: ArrivedChunk): Promise<void> {
  const { requestId, chunkNo } = chunk.message
  const key = { request_id: requestId, chunk_no: chunkNo }
  const stored = await database
    .knex('copy_result')
    .where(key)
    .first<{ content_hash: string } | undefined>('content_hash')
  if (stored && stored.content_hash !== bodyHash(chunk.body)) {
    throw new ProductCopyError(
      'unreadable-message',
      `chunk ${chunkNo} of request ${requestId} was answered before with other content`,
    )
  }
  await database.knex('copy_result').where(key).update({ published_at: null, claimed_until: null })
}

/** Forgets that a chunk was given up, so that the same chunk is handled when it comes again. */
export async function forgetGivenUp(trx: Transaction, body: string): Promise<void> {
  const chunk = readChunk(body)
  if (!chunk) return
  const key = { request_id: chunk.requestId, chunk_no: chunk.chunkNo, content_hash: bodyHash(body) }
  const stored = await trx('copy_result').where(key).first<{ body: string } | undefined>('body')
  if (stored && isGivenUp(parseResultMessage(stored.body).message)) {
    await trx('copy_result').where(key).delete()
  }
}

function readChunk(body: string): ChunkMessage | undefined {
  try {
    return parseChunkMessage(body)
  } catch {
    return undefined
  }
}

/** Gives each of the chunks its part of the outcomes of all. */
function resultRows(chunks: ArrivedChunk[], outcomes: Outcome[]): NewResultRow[] {
  let from = 0
  return chunks.map((chunk) => {
    const to = from + chunk.products.length
    const own = outcomes.slice(from, to)
    from = to
    return resultRow(chunk, own)
  })
}

function resultRow(chunk: ArrivedChunk, outcomes: Outcome[], end?: 'gave-up'): NewResultRow {
  const hash = bodyHash(chunk.body)
  return {
    request_id: chunk.message.requestId,
    chunk_no: chunk.message.chunkNo,
    content_hash: hash,
    message_group: chunk.group,
    body: resultBody(resultMessage(chunk.message, hash, outcomes, end)),
  }
}
