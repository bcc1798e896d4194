import { isUtf8 } from 'node:buffer'
import { Ajv } from 'ajv'
import type { FastifyRequest } from 'fastify'
import { errorText, quoted } from '../errors.ts'
import type { App } from './app.ts'
import { invalid, type Problem } from './problems.ts'

/**
 * Makes requests be checked strictly: nothing is cut, filled in or left out. Only in the URL a text
 * counts as the number that it spells.
 */
export function checkRequests(app: App): void {
  // `verbose` gives the messages the wrong value.
  const options = { coerceTypes: false, verbose: true, allowUnionTypes: true }
  const strictly = new Ajv(options)
  const spelled = new Ajv({ ...options, coerceTypes: true })
  app.setValidatorCompiler(({ schema, httpPart }) =>
    (httpPart === 'querystring' ? spelled : strictly).compile(schema as object),
  )
  // The schemas of answers are documentation: what is found is sent as it is.
  app.setSerializerCompiler(() => JSON.stringify)
  app.addHook('preValidation', (request, _, done) => done(undeclared(request)))
  takeJsonAlone(app)
}

/** What a route does not name is a mistake, which would go unnoticed otherwise. */
function undeclared({ query, body, routeOptions }: FastifyRequest): Problem | undefined {
  const { schema } = routeOptions
  if (!schema) return undefined
  const [name] = Object.keys(query as object)
  if (!schema.querystring && name !== undefined) {
    return invalid(`query/${name.slice(0, 100)}`, `query has ${quoted(name)}; none is allowed here`)
  }
  if (!schema.body && body !== undefined) return invalid('body', 'this request takes no body')
  return undefined
}

/**
 * Bodies are JSON in UTF-8, and say so. Text, which the framework takes too, is what a page of
 * another site can make a browser send without asking.
 */
function takeJsonAlone(app: App): void {
  app.removeAllContentTypeParsers()
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    // Else wrong bytes would become other characters without a word.
    if (!isUtf8(body as Buffer)) return done(invalid('body', 'the body is not UTF-8'))
    const text = body.toString()
    void parse(request, text, (error, value) => done(error && jsonProblem(text), value))
  })
}

/** Why the framework's parser did not take a text: it does not say. */
function jsonProblem(text: string): Problem {
  if (text === '') return invalid('body', 'the body is empty; it must be JSON')
  try {
    JSON.parse(text)
  } catch (error) {
    return invalid('body', `the body is not valid JSON: ${errorText(error)}`)
  }
  return invalid('body', 'the body has a field "__proto__" or "constructor", which is not allowed')
}
