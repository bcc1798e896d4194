/**
 * What a caller can do about an error:
 * - `bad-input`: the caller's mistake; mend the input. The next four are such mistakes too.
 * - `invalid-product`: what was given can never be a product.
 * - `unknown-brand`: there is no brand of this name.
 * - `not-found`: there is nothing with this id.
 * - `key-reused`: the request key stands for another request.
 * - `could-not-run`: a part that is needed is missing, in use or out of reach.
 * - `unreadable-message`: no retry can make the message readable; it belongs to the dead letters.
 * - `contended`: other writers won too often; the same call may succeed later.
 */
export type ErrorCode =
  | 'bad-input'
  | 'invalid-product'
  | 'unknown-brand'
  | 'not-found'
  | 'key-reused'
  | 'could-not-run'
  | 'unreadable-message'
  | 'contended'

export interface ErrorOptions {
  cause?: unknown
  /** Which field of the input is wrong, such as `name` or `targetBrands/2`. */
  field?: string | undefined
  /** What to do about it on the command line: the end of the message there. */
  hint?: string
}

/** An error that was foreseen. Each line of its message is written for the person who can mend the cause. */
export class ProductCopyError extends Error {
  readonly code: ErrorCode
  /** The message without its hint. */
  readonly detail: string
  readonly field: string | undefined

  constructor(code: ErrorCode, detail: string, { cause, field, hint }: ErrorOptions = {}) {
    super(hint === undefined ? detail : `${detail}: ${hint}`, { cause })
    this.name = 'ProductCopyError'
    this.code = code
    this.detail = detail
    this.field = field
  }
}

export const badInput = (message: string, field?: string): ProductCopyError =>
  new ProductCopyError('bad-input', message, { field })

export const isForeseen = (error: unknown, code?: ErrorCode): error is ProductCopyError =>
  error instanceof ProductCopyError && (code === undefined || error.code === code)

/** The text of anything thrown: one line, without control characters, of at most 300 characters. */
export function errorText(error: unknown): string {
  const text =
    typeof error === 'object' && error !== null && 'message' in error
      ? String(error.message)
      : String(error)
  const line = text.replace(/[\p{Cc}\s]+/gu, ' ').trim()
  return line.length > 300 ? `${line.slice(0, 297)}...` : line
}

/** The lines of a foreseen error, which may name several causes; anything else is one line. */
export const errorLines = (error: unknown): string[] =>
  isForeseen(error) ? error.message.split('\n').map(errorText) : [errorText(error)]

/**
 * A value from outside as it is named in a message: texts quoted, on one line, of at most 60
 * characters, so that neither a control character nor a whole file ends up on somebody's terminal.
 */
export function quoted(value: unknown): string {
  // Not written out: what is nested deeply enough ends the program.
  if (typeof value === 'object' && value !== null)
    return Array.isArray(value) ? 'a list' : 'an object'
  if (typeof value !== 'string') return String(value)
  const characters = [...value.slice(0, 200)]
  const shown =
    characters.length > 60 ? `${characters.slice(0, 57).join('')}...` : characters.join('')
  return JSON.stringify(shown).replace(/\p{Cc}/gu, escaped)
}

const escaped = (character: string): string =>
  `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
