import { createRequire } from 'node:module'
import type { ErrorObject } from 'ajv'
import { Type, type Static } from 'typebox'
import { errorText, ProductCopyError, quoted } from '../errors.ts'
import { MAX_CHUNK_SIZE } from '../messages.ts'
import { readApiTokens } from '../http/tokens.ts'
import { readDatabaseUrl } from './database-url.ts'
import { readRedisUrl } from './redis.ts'

// env-schema is CommonJS with `export =`, which a named import cannot take under every loader.
const envSchema = createRequire(import.meta.url)('env-schema') as typeof import('env-schema')

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'silent'] as const

const header = (name: string, what: string) =>
  Type.String({
    pattern: '^[A-Za-z0-9-]{1,64}$',
    allowed: 'the name of a header: letters, digits and -',
    default: name,
    description: `The header in which a gateway gives the user's ${what}.`,
  })

/** Every environment variable that the program reads, with its meaning and default. */
const ConfigSchema = Type.Object({
  DATA_DIR: Type.String({
    minLength: 1,
    default: './data',
    description: 'Folder of the embedded database; created when it does not exist.',
  }),
  DATABASE_URL: Type.Optional(
    Type.String({
      description: 'The database. Without it, the embedded one in DATA_DIR.',
    }),
  ),
  DATABASE_POOL: Type.Integer({
    minimum: 2,
    maximum: 100,
    default: 10,
    description: 'Connections to the database at the most, of each process.',
  }),
  ROCKETMQ_ENDPOINTS: Type.Optional(
    Type.String({
      // One: the client makes a host of several that gRPC cannot look up.
      pattern: '^[^:;/\\s]+:\\d{1,5}$',
      allowed: 'host:port of the RocketMQ proxy',
      description: 'The RocketMQ 5 proxy (gRPC). Without it, the broker in the process.',
    }),
  ),
  ROCKETMQ_ACCESS_KEY: Type.Optional(Type.String({ description: 'Who signs in to RocketMQ.' })),
  ROCKETMQ_SECRET_KEY: Type.Optional(
    Type.String({ description: 'The secret that belongs to it.' }),
  ),
  ROCKETMQ_TLS: Type.Boolean({ default: false, description: 'Whether the proxy is met with TLS.' }),
  ROCKETMQ_PREFIX: Type.String({
    pattern: '^[A-Za-z0-9_-]{0,60}$',
    allowed: 'at most 60 letters, digits, _ and -',
    default: '',
    description: 'Put before the names of topics and consumer groups.',
  }),
  REDIS_URL: Type.Optional(
    Type.String({
      description: 'Redis: leases of worker ids, and live progress between processes.',
    }),
  ),
  WORKER_ID: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 1023,
      description:
        'Worker id of this process, which no other one has; instead of a lease in Redis.',
    }),
  ),
  CHUNK_SIZE: Type.Integer({
    minimum: 1,
    maximum: MAX_CHUNK_SIZE,
    default: 2000,
    description: 'Items in one chunk at the most: one message, one transaction, one result.',
  }),
  SHARDS: Type.Integer({
    minimum: 1,
    maximum: 1024,
    default: 8,
    description: 'Message groups over which the product keys are spread; best as many as queues.',
  }),
  CONCURRENCY: Type.Integer({
    minimum: 1,
    maximum: 64,
    default: 4,
    description: 'Messages that a consumer process has in hand at a time, of each topic.',
  }),
  HOST: Type.String({
    minLength: 1,
    default: '127.0.0.1',
    description: 'The address on which the HTTP API listens.',
  }),
  PORT: Type.Integer({
    minimum: 0,
    maximum: 65535,
    default: 3000,
    description: 'The port of the HTTP API; 0 takes a free one, which the log names.',
  }),
  API_TOKENS: Type.Optional(
    Type.String({
      description:
        'Who may use the HTTP API: a JSON list of {token, role, userId, userName, gateway}. Without it, everybody on this machine.',
    }),
  ),
  API_TOKENS_FILE: Type.Optional(
    Type.String({ description: 'A file that holds this list instead.' }),
  ),
  API_USER_ID_HEADER: header('x-user-id', 'id'),
  API_USER_NAME_HEADER: header('x-user-name', 'name'),
  API_RATE_LIMIT: Type.Integer({
    minimum: 1,
    maximum: 1_000_000,
    default: 1000,
    description: 'Requests of one token in a second.',
  }),
  API_MAX_BODY: Type.Integer({
    minimum: 1024,
    maximum: 64 * 1024 * 1024,
    default: 4 * 1024 * 1024,
    description: 'Bytes of a request body at the most.',
  }),
  LOG_LEVEL: Type.Enum(LOG_LEVELS, {
    default: 'info',
    description: 'What is logged to stderr: fatal, error, warn, info, debug or silent.',
  }),
})
export type Config = Static<typeof ConfigSchema>

/**
 * Reads the environment. This is the only reader of `process.env`.
 * @throws ProductCopyError `could-not-run` that names every wrong variable, one a line, and no secret
 */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const problems = new Set<string>()
  let config: Config | undefined
  try {
    config = envSchema<Config>({
      schema: ConfigSchema,
      data: withoutEmpty(env),
      env: false,
      // Ours, for the messages below; the validator knows nothing of them.
      ajv: { customOptions: (ajv) => ajv.addVocabulary(['allowed']) },
    })
  } catch (cause) {
    const errors = (cause as { errors?: ErrorObject[] }).errors
    if (!errors) throw cause
    for (const error of errors) problems.add(problem(error, env))
  }
  for (const text of furtherProblems(withoutEmpty(env))) problems.add(text)
  if (config && problems.size === 0) return config
  throw new ProductCopyError('could-not-run', [...problems].join('\n'))
}

/** An empty variable that has no default is one that is not set: compose files write such. */
function withoutEmpty(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const required: string[] = ConfigSchema.required
  return Object.fromEntries(
    Object.entries(env).filter(([name, value]) => value !== '' || required.includes(name)),
  )
}

/** What a schema cannot say. None of these texts repeats a secret. */
function* furtherProblems(env: NodeJS.ProcessEnv): Generator<string> {
  const texts = [
    [readDatabaseUrl, env['DATABASE_URL']],
    [readRedisUrl, env['REDIS_URL']],
    [readApiTokens, env['API_TOKENS']],
  ] as const
  for (const [read, text] of texts) {
    try {
      if (text !== undefined) read(text)
    } catch (error) {
      yield errorText(error)
    }
  }
  for (const [one, other] of [
    ['ROCKETMQ_ACCESS_KEY', 'ROCKETMQ_SECRET_KEY'],
    ['ROCKETMQ_SECRET_KEY', 'ROCKETMQ_ACCESS_KEY'],
  ] as const) {
    if (env[one] && !env[other]) yield `${one} is set without ${other}: set both, or none`
  }
  if (env['API_TOKENS'] && env['API_TOKENS_FILE']) {
    yield 'API_TOKENS and API_TOKENS_FILE are both set: set one of them'
  }
}

interface Rule {
  type?: string
  enum?: unknown[]
  minimum?: number
  maximum?: number
  allowed?: string
}

function problem(error: ErrorObject, env: NodeJS.ProcessEnv): string {
  const name = error.instancePath.slice(1) as keyof Config
  const rule = ConfigSchema.properties[name] as Rule
  return `${name} is ${quoted(env[name] ?? '')}; it must be ${allowed(rule)}`
}

function allowed(rule: Rule): string {
  if (rule.allowed !== undefined) return rule.allowed
  if (rule.enum) return `one of ${rule.enum.join(', ')}`
  if (rule.type === 'boolean') return 'true or false'
  if (rule.type === 'integer') return `a whole number from ${rule.minimum} to ${rule.maximum}`
  return 'a text that is not empty'
}
