import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { User } from '../database.ts'
import { errorText, ProductCopyError, quoted } from '../errors.ts'
import { userProblem } from '../products/read-product.ts'

/** What a token allows; each role what the one before it does, too. */
export const ROLES = ['read', 'write', 'admin'] as const
export type Role = (typeof ROLES)[number]

/** A token that the API knows: its hash, so that the token itself is in no dump of the memory or log. */
export interface ApiToken {
  hash: Buffer
  role: Role
  /** Who uses it. */
  user: User
  /** Whether it is a gateway's, which says in headers who asks. */
  gateway: boolean
}

/** SHA-256. Tokens are random and long, unlike passwords: nothing slower is needed. */
export const hashToken = (token: string): Buffer => createHash('sha256').update(token).digest()

const FIELDS = ['token', 'role', 'userId', 'userName', 'gateway']

/** The tokens that the configuration names, in itself or by a file. None: an empty list. */
export function loadApiTokens(config: {
  API_TOKENS?: string
  API_TOKENS_FILE?: string
}): ApiToken[] {
  const { API_TOKENS: text, API_TOKENS_FILE: file } = config
  if (text !== undefined) return readApiTokens(text)
  if (file === undefined) return []
  let content: string
  try {
    content = readFileSync(file, 'utf8')
  } catch (cause) {
    throw wrong(`API_TOKENS_FILE: the file cannot be read: ${errorText(cause)}`)
  }
  return readApiTokens(content, 'API_TOKENS_FILE')
}

/**
 * Reads a JSON list of `{token, role, userId, userName, gateway?}`.
 * @throws ProductCopyError `could-not-run`, which names the entry and repeats no token
 */
export function readApiTokens(text: string, variable = 'API_TOKENS'): ApiToken[] {
  const entries = parse(text)
  if (!Array.isArray(entries) || entries.length === 0) {
    throw wrong(
      `${variable} must be a JSON list of {"token", "role", "userId", "userName"}, one at least`,
    )
  }
  const tokens = new Map<string, ApiToken>()
  for (const [index, entry] of entries.entries()) {
    const token = readEntry(entry, `${variable}: entry ${index + 1}`)
    const hash = token.hash.toString('hex')
    if (tokens.has(hash)) throw wrong(`${variable}: entry ${index + 1} repeats an earlier token`)
    tokens.set(hash, token)
  }
  return [...tokens.values()]
}

/** @returns undefined for what is not JSON. JSON.parse's own words would hold a piece of the text. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function readEntry(entry: unknown, where: string): ApiToken {
  if (typeof entry !== 'object' || entry === null) throw wrong(`${where} is not an object`)
  const { token, role, userId, userName, gateway = false } = entry as Record<string, unknown>
  const unknown = Object.keys(entry).find((name) => !FIELDS.includes(name))
  if (unknown !== undefined) {
    throw wrong(`${where} has ${quoted(unknown)}; allowed are ${FIELDS.join(', ')}`)
  }
  if (typeof token !== 'string' || !/^[A-Za-z0-9._~+/-]{16,512}={0,2}$/.test(token)) {
    throw wrong(
      `${where}: its token must have 16 to 512 letters, digits and . _ ~ + / -; "openssl rand -hex 32" makes one`,
    )
  }
  if (!(ROLES as readonly unknown[]).includes(role)) {
    throw wrong(`${where}: its role is ${quoted(role)}; it must be one of ${ROLES.join(', ')}`)
  }
  if (typeof gateway !== 'boolean') {
    throw wrong(`${where}: its gateway is ${quoted(gateway)}; it must be true or false`)
  }
  const user = { id: userId as string, name: userName as string }
  const problem = userProblem(user)
  if (problem !== undefined) throw wrong(`${where}: its ${problem}`)
  return { hash: hashToken(token), role: role as Role, user, gateway }
}

const wrong = (message: string) => new ProductCopyError('could-not-run', message)
