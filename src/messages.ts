/**
 * The terms of this project, and the messages on its two topics.
 *
 * - product key: canonical (name, model), made by `productKey()` alone
 * - copy request: one request record (source brand, target brands, duplicate policy, who asked)
 * - item: one product to create, one source product for one target brand
 * - shard: hash(product key) mod SHARDS; the ordered message group. Equal keys share a shard
 * - chunk: items of one shard = one ordered message = one transaction = one result message
 * - batch: what one transaction takes: a chunk, a page of an import, the body of one API call
 * - outcome: what became of an item (`Outcome`)
 * - duplicate policy: what a batch does about a product that is already there (`DuplicatePolicy`)
 * - callback topic: where results are published for the mall and anyone else who listens
 */
import { hash } from 'node:crypto'
import { Ajv } from 'ajv'
import { Type, type Static } from 'typebox'
import { readCopies } from './copies.ts'
import { columnsOf, isLong, pack, rowsOf, unpack } from './packing.ts'
import { readMessage, type MessageKind } from './read-message.ts'

/** Chunks for the product-copy consumers; ordered by message group, which is the shard. */
export const PRODUCT_COPY = 'PRODUCT_COPY'
/** The callback topic: one result message for each chunk, in no promised order. */
export const PRODUCT_COPY_RESULT = 'PRODUCT_COPY_RESULT'

/** Items in one chunk at the most: larger ones gain nothing, and hold their locks longer. */
export const MAX_CHUNK_SIZE = 8000

/**
 * What a batch does about a product that is already there.
 * - `return-existing` (lenient): the item's outcome is `existing` with the live product's id.
 * - `fail` (strict): nothing of the batch is written.
 */
export const DUPLICATE_POLICIES = ['return-existing', 'fail'] as const
export type DuplicatePolicy = (typeof DUPLICATE_POLICIES)[number]

const Id = Type.String({ pattern: '^[0-9]{1,19}$' })
const RequestId = Type.String({ pattern: '^[A-Za-z0-9._:-]{1,64}$' })

/**
 * What became of an item. 64-bit ids are strings.
 * - `created`: the product's id.
 * - `existing`: the id of the live product that holds the key.
 * - `rejected`: the input can never succeed; `existingId` when a live product stands in the way.
 * - `failed`: nothing was written for this item; the same item may be tried again.
 */
export const OutcomeSchema = Type.Union([
  Type.Object({ outcome: Type.Literal('created'), id: Id }),
  Type.Object({ outcome: Type.Literal('existing'), id: Id }),
  Type.Object({
    outcome: Type.Literal('rejected'),
    reason: Type.String(),
    existingId: Type.Optional(Id),
  }),
  Type.Object({ outcome: Type.Literal('failed'), reason: Type.String() }),
])
export type Outcome = Static<typeof OutcomeSchema>

/**
 * One product to create, as a message or a file gives it. Every field is checked by `readProduct()`,
 * not by the message's schema, so that one bad item is rejected by itself and the others go on.
 */
export type Item = Record<string, unknown>
/** Its fields are not gone through here, as those of a `Type.Record` are: there may be thousands. */
const ItemSchema = Type.Unsafe<Item>(Type.Object({}))

/**
 * A chunk, on PRODUCT_COPY. Other systems may send their own: `requestId` and `chunkNo` together
 * name the message, and a message with a name that was answered before is given the same answer.
 * A single product is a chunk of one item.
 */
const ChunkMessageSchema = Type.Object({
  type: Type.Literal('product-copy'),
  version: Type.Literal(1),
  requestId: RequestId,
  chunkNo: Type.Integer({ minimum: 1, maximum: 2_147_483_647 }),
  policy: Type.Enum(DUPLICATE_POLICIES),
  userId: Type.String(),
  userName: Type.String(),
  items: Type.Array(ItemSchema, { minItems: 1, maxItems: MAX_CHUNK_SIZE }),
})
export type ChunkMessage = Static<typeof ChunkMessageSchema>

/**
 * A chunk's result, on PRODUCT_COPY_RESULT: `outcomes[i]` belongs to the chunk's `items[i]`, and
 * `chunkHash` is the `bodyHash` of the chunk's message, by which its sender knows it as its own. The
 * same event may come more than once, always with the same `eventId`.
 */
const ResultMessageSchema = Type.Object({
  type: Type.Literal('product-copy-result'),
  version: Type.Literal(1),
  eventId: Type.String({ minLength: 1, maxLength: 100 }),
  requestId: RequestId,
  chunkNo: Type.Integer({ minimum: 1, maximum: 2_147_483_647 }),
  chunkHash: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  outcomes: Type.Array(OutcomeSchema, { minItems: 1, maxItems: MAX_CHUNK_SIZE }),
})
export type ResultMessage = Static<typeof ResultMessageSchema>

export type OutcomeCounts = Record<Outcome['outcome'], number>

export function countOutcomes(outcomes: Outcome[]): OutcomeCounts {
  const counts = { created: 0, existing: 0, rejected: 0, failed: 0 }
  for (const { outcome } of outcomes) counts[outcome]++
  return counts
}

const ajv = new Ajv()

const CHUNK: MessageKind<ChunkMessage> = {
  type: 'product-copy',
  list: 'items',
  isMessage: ajv.compile<ChunkMessage>(ChunkMessageSchema),
  maxLength: MAX_CHUNK_SIZE,
  unpacked: { 2: rowsOf, 3: rowsOf, 4: readCopies },
}
const RESULT: MessageKind<ResultMessage> = {
  type: 'product-copy-result',
  list: 'outcomes',
  isMessage: ajv.compile<ResultMessage>(ResultMessageSchema),
  maxLength: MAX_CHUNK_SIZE,
  unpacked: { 2: rowsOf, 3: rowsOf, 4: rowsOf },
}

/** @throws ProductCopyError `unreadable-message`, with the reason */
export const parseChunkMessage = (body: string): ChunkMessage => readMessage(body, CHUNK).message

/**
 * @returns the message, and its packed list where it came with one
 * @throws ProductCopyError `unreadable-message`, with the reason
 */
export const parseResultMessage = (
  body: string,
): { message: ResultMessage; packed: string | undefined } => readMessage(body, RESULT)

/**
 * Writes a chunk's message. A long one travels packed, with each source product once, in version 4.
 * @param copies of at most MAX_CHUNK_SIZE items, by `writeCopies`
 */
export function chunkBody(head: Omit<ChunkMessage, 'items'>, copies: string): string {
  const items = isLong(copies) ? undefined : readCopies(JSON.parse(copies), MAX_CHUNK_SIZE)
  // A few words may be many items: one product for a hundred brands.
  if (items && !isLong(JSON.stringify(items))) return JSON.stringify({ ...head, items })
  return JSON.stringify({ ...head, version: 4, packed: pack(copies) })
}

/** Writes a result's message. A long one travels packed, by columns, in version 4. */
export function resultBody({ outcomes, ...head }: ResultMessage): string {
  const columns = columnsOf(outcomes)
  if (isLong(columns)) return JSON.stringify({ ...head, version: 4, packed: pack(columns) })
  return JSON.stringify({ ...head, outcomes })
}

/** A result's outcomes as they are kept with its chunk. @param packed as they came in the message */
export const writeOutcomes = (outcomes: Outcome[], packed: string | undefined): string =>
  packed ?? JSON.stringify(outcomes)

/** Reads what `writeOutcomes` wrote. */
export const readOutcomes = (text: string): Outcome[] =>
  (text.startsWith('[') ? JSON.parse(text) : rowsOf(unpack(text), MAX_CHUNK_SIZE)) as Outcome[]

/** SHA-256 of a message's body: tells whether two messages under one name carry the same work. */
export const bodyHash = (body: string): string => hash('sha256', body)

/** Ends the event id of a result that says that the chunk was given up. */
const GAVE_UP = ':gave-up'
export const isGivenUp = (result: ResultMessage): boolean => result.eventId.endsWith(GAVE_UP)

/**
 * @param end `gave-up` when the chunk was not handled: should it be sent again and answered after
 *   all, that is another event
 */
export function resultMessage(
  chunk: Pick<ChunkMessage, 'requestId' | 'chunkNo'>,
  chunkHash: string,
  outcomes: Outcome[],
  end: 'answered' | 'gave-up' = 'answered',
): ResultMessage {
  const { requestId, chunkNo } = chunk
  return {
    type: 'product-copy-result',
    version: 1,
    eventId: `${requestId}:${chunkNo}${end === 'gave-up' ? GAVE_UP : ''}`,
    requestId,
    chunkNo,
    chunkHash,
    outcomes,
  }
}
