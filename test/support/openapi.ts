import type { Api } from './http.ts'

/** What the tests read of the OpenAPI document. */
export interface Schema {
  type?: string | string[]
  enum?: unknown[]
  examples?: unknown[]
  pattern?: string
  minLength?: number
  maxLength?: number
  minItems?: number
  maxItems?: number
  minimum?: number
  maximum?: number
  minProperties?: number
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
}

export interface Parameter {
  name: string
  in: 'path' | 'query' | 'header'
  required?: boolean
  schema: Schema
}

interface Content {
  content?: Record<string, { schema: Schema }>
}

export interface Operation {
  method: string
  path: string
  parameters: Parameter[]
  /** Of the JSON body; undefined where there is none. */
  body: Schema | undefined
  security: unknown[] | undefined
  responses: Record<string, Content>
}

interface Document {
  paths: Record<
    string,
    Record<
      string,
      {
        parameters?: Parameter[]
        requestBody?: Content
        security?: unknown[]
        responses: Record<string, Content>
      }
    >
  >
}

/** Every operation of the API's own OpenAPI document. */
export async function operations(api: Api): Promise<Operation[]> {
  const { body } = await api.call('GET', '/docs/json')
  const { paths } = body as unknown as Document
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      parameters: operation.parameters ?? [],
      body: operation.requestBody?.content?.['application/json']?.schema,
      security: operation.security,
      responses: operation.responses,
    })),
  )
}

/** The path with ids in it. */
export const pathWith = ({ path }: Operation, id: string): string =>
  path.replaceAll(/\{\w+\}/g, encodeURIComponent(id))

/** A value that fits a schema: the schema's own example, or one made of those of its parts. */
export function fitting(schema: Schema): unknown {
  const [example] = schema.examples ?? schema.enum ?? []
  if (example !== undefined) return example
  if (schema.items) return [fitting(schema.items)]
  if (schema.properties) {
    return Object.fromEntries(
      Object.entries(schema.properties).map(([name, inner]) => [name, fitting(inner)]),
    )
  }
  throw new Error(`give ${JSON.stringify(schema)} an example`)
}

export interface BadValue {
  what: string
  value: unknown
  /** Where the problem has to be, from the value on. */
  at: string
}

/** Values that do not fit a schema, at every place of it that can be wrong. */
export function* unfitting(schema: Schema, at = ''): Generator<BadValue> {
  const allowed = [schema.type ?? 'string'].flat()
  const wrongTypes: Record<string, unknown> = {
    string: 'text',
    number: 7,
    boolean: true,
    null: null,
    array: [],
    object: {},
  }
  for (const [type, value] of Object.entries(wrongTypes)) {
    const fits = allowed.includes(type) || (type === 'number' && allowed.includes('integer'))
    if (!fits) yield { what: `is ${type}`, value, at }
  }
  if (schema.enum) yield { what: 'is not one of them', value: 'x', at }
  if (schema.minLength) yield { what: 'is empty', value: '', at }
  if (schema.maxLength) yield { what: 'is too long', value: 'x'.repeat(schema.maxLength + 1), at }
  if (allowed.includes('integer')) yield { what: 'is no whole number', value: 1.5, at }
  if (schema.minimum !== undefined) yield { what: 'is too small', value: schema.minimum - 1, at }
  if (schema.maximum !== undefined) yield { what: 'is too great', value: schema.maximum + 1, at }
  if (schema.items) yield* unfittingItems(schema, schema.items, at)
  if (schema.properties) yield* unfittingProperties(schema, schema.properties, at)
}

function* unfittingItems(schema: Schema, items: Schema, at: string): Generator<BadValue> {
  const good = fitting(items)
  if (schema.minItems) yield { what: 'has no items', value: [], at }
  if (schema.maxItems) {
    yield { what: 'has too many items', value: Array(schema.maxItems + 1).fill(good), at }
  }
  for (const bad of unfitting(items, `${at}/1`)) yield { ...bad, value: [good, bad.value] }
}

function* unfittingProperties(
  schema: Schema,
  properties: Record<string, Schema>,
  at: string,
): Generator<BadValue> {
  const good = fitting(schema) as object
  yield { what: 'has an unknown field', value: { ...good, zzz: 1 }, at: `${at}/zzz` }
  for (const name of schema.required ?? []) {
    yield { what: 'lacks a field', value: { ...good, [name]: undefined }, at: `${at}/${name}` }
  }
  if (schema.minProperties) yield { what: 'has no field', value: {}, at }
  for (const [name, inner] of Object.entries(properties)) {
    for (const bad of unfitting(inner, `${at}/${name}`)) {
      yield { ...bad, value: { ...good, [name]: bad.value } }
    }
  }
}
