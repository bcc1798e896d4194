import { ProductCopyError } from '../errors.ts'
import type { Database, NewId, Transaction } from '../database.ts'
import {
  bodyHash,
  isGivenUp,
  parseChunkMessage,
  parseResultMessage,
  resultMessage,
  type ChunkMessage,
  type Outcome,
} from '../messages.ts'
import { findBrands } from '../products/brands.ts'
import { createProducts } from '../products/create-products.ts'

interface StoredResult {
  content_hash: string
}

/** A chunk as it arrived: what it says, its text, and the message group in which its result is to go. */
export interface ArrivedChunk {
  message: ChunkMessage
  body: string
  group: string
}

/**
 * Step 4: creates a chunk's products and writes its result, in one transaction. A chunk that was
 * answered before gets the same answer once more: its result is published again as it stands.
 *
 * @throws ProductCopyError `unreadable-message` when another chunk was answered under this name
 */
export async function answerChunk(
  database: Database,
  newId: NewId,
  chunk: ArrivedChunk,
): Promise<'answered' | 'repeated'> {
  if (await repeatAnswer(database, chunk)) return 'repeated'
  const { message } = chunk
  const batch = {
    items: message.items,
    policy: message.policy,
    user: { id: message.userId, name: message.userName },
  }
  try {
    await createProducts(database, batch, {
      newId,
      brands: (names) => findBrands(database, names),
      beforeCommit: async (trx, outcomes) => {
        if (!(await insertResult(database, trx, chunk, outcomes))) throw new AnsweredMeanwhile()
      },
    })
    return 'answered'
  } catch (error) {
    if (!(error instanceof AnsweredMeanwhile)) throw error
    await repeatAnswer(database, chunk)
    return 'repeated'
  }
}

/** The same chunk was in two hands at once, and the other one has committed. */
class AnsweredMeanwhile extends Error {}

/** Step 4 for a chunk whose attempts are used up: all of its items are `failed`, unless it was answered. */
export async function giveUpChunk(
  database: Database,
  trx: Transaction,
  chunk: ArrivedChunk,
  reason: string,
): Promise<void> {
  const outcomes = chunk.message.items.map((): Outcome => ({ outcome: 'failed', reason }))
  await insertResult(database, trx, chunk, outcomes, 'gave-up')
}

/** @returns whether the chunk was answered before */
async function repeatAnswer(database: Database, chunk: ArrivedChunk): Promise<boolean> {
  const { requestId, chunkNo } = chunk.message
  const stored = await findResult(database.knex, requestId, chunkNo)
  if (!stored) return false
  if (stored.content_hash !== bodyHash(chunk.body)) {
    throw new ProductCopyError(
      'unreadable-message',
      `chunk ${chunkNo} of request ${requestId} was answered before with other content`,
    )
  }
  await database
    .knex('copy_result')
    .where({ request_id: requestId, chunk_no: chunkNo })
    .update({ published_at: null, claimed_until: null })
  return true
}

/** Forgets that a chunk was given up, so that the same chunk is handled when it comes again. */
export async function forgetGivenUp(trx: Transaction, body: string): Promise<void> {
  const chunk = readChunk(body)
  if (!chunk) return
  const key = { request_id: chunk.requestId, chunk_no: chunk.chunkNo, content_hash: bodyHash(body) }
  const stored = await trx('copy_result').where(key).first<{ body: string } | undefined>('body')
  if (stored && isGivenUp(parseResultMessage(stored.body))) {
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

function findResult(
  knex: Database['knex'],
  requestId: string,
  chunkNo: number,
): Promise<StoredResult | undefined> {
  return knex('copy_result')
    .where({ request_id: requestId, chunk_no: chunkNo })
    .first<StoredResult | undefined>('content_hash')
}

/** @returns false when the chunk has a result */
function insertResult(
  { dialect }: Database,
  trx: Transaction,
  chunk: ArrivedChunk,
  outcomes: Outcome[],
  end?: 'gave-up',
): Promise<boolean> {
  const hash = bodyHash(chunk.body)
  return dialect.insertUnlessTaken(trx, 'copy_result', {
    request_id: chunk.message.requestId,
    chunk_no: chunk.message.chunkNo,
    content_hash: hash,
    message_group: chunk.group,
    body: JSON.stringify(resultMessage(chunk.message, hash, outcomes, end)),
  })
}
