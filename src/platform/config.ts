import { createRequire } from 'node:module'
import type { ErrorObject } from 'ajv'
import { Type, type Static } from 'typebox'
import { ProductCopyError, quoted } from '../errors.ts'
import { MAX_CHUNK_SIZE } from '../messages.ts'

// env-schema is CommonJS with `export =`, which a named import cannot take under every loader.
const envSchema = createRequire(import.meta.url)('env-schema') as typeof import('env-schema')

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'silent'] as const

/** Every environment variable that the program reads, with its meaning and default. */
const ConfigSchema = Type.Object({
  DATA_DIR: Type.String({
    minLength: 1,
    default: './data',
    description: 'Folder of the embedded database; created when it does not exist.',
  }),
  CHUNK_SIZE: Type.Integer({
    minimum: 1,
    maximum: MAX_CHUNK_SIZE,
    default: 500,
    description: 'Items in one chunk at the most: one message, one transaction, one result.',
  }),
  SHARDS: Type.Integer({
    minimum: 1,
    maximum: 1024,
    default: 8,
    description: 'Message groups over which the product keys are spread; best as many as queues.',
  }),
  LOG_LEVEL: Type.Enum(LOG_LEVELS, {
    default: 'info',
    description: 'What is logged to stderr: fatal, error, warn, info, debug or silent.',
  }),
})
export type Config = Static<typeof ConfigSchema>

/**
 * Reads the environment. This is the only reader of `process.env`.
 * @throws ProductCopyError `could-not-run` that names every wrong variable at once
 */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  try {
    return envSchema<Config>({ schema: ConfigSchema, data: { ...env }, env: false })
  } catch (cause) {
    const errors = (cause as { errors?: ErrorObject[] }).errors
    if (!errors) throw cause
    const problems = new Set(errors.map((error) => problem(error, env)))
    throw new ProductCopyError('could-not-run', [...problems].join('. '), { cause })
  }
}

function problem(error: ErrorObject, env: NodeJS.ProcessEnv): string {
  const name = error.instancePath.slice(1) as keyof Config
  return `${name} is ${quoted(env[name] ?? '')}; it must be ${allowed(ConfigSchema.properties[name])}`
}

function allowed(schema: {
  type?: string
  enum?: unknown[]
  minimum?: number
  maximum?: number
}): string {
  if (schema.enum) return `one of ${schema.enum.join(', ')}`
  if (schema.type === 'integer') return `a whole number from ${schema.minimum} to ${schema.maximum}`
  return 'a text that is not empty'
}
