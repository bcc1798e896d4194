import { badInput, quoted } from '../errors.ts'

export const DEFAULT_NAME_TEMPLATE = '{brand} {name}'
const MAX_LENGTH = 200

/**
 * A template for the names of copies: `{name}` stands for the source product's name and must be
 * there, `{brand}` for the target brand's.
 * @throws ProductCopyError `bad-input`
 */
export function checkNameTemplate(template: string): void {
  const allowed = `allowed are {brand} and {name}, for example "${DEFAULT_NAME_TEMPLATE}"`
  if (!template.includes('{name}')) {
    throw badInput(`name template ${quoted(template)} lacks {name}; ${allowed}`)
  }
  const unknown = /\{(?!brand\}|name\})[^{}]*\}/.exec(template)
  if (unknown) {
    throw badInput(`name template ${quoted(template)} has ${unknown[0]}; ${allowed}`)
  }
  if (/\p{Cc}/u.test(template) || !template.isWellFormed()) {
    throw badInput(`name template ${quoted(template)} has control characters`)
  }
  if ([...template].length > MAX_LENGTH) {
    throw badInput(`name template has more than ${MAX_LENGTH} characters`)
  }
}

/** Fills a template in one pass: a product whose name holds "{brand}" keeps it. */
export function fillNameTemplate(template: string, brand: string, name: string): string {
  return template.replace(/\{(brand|name)\}/g, (_, field) => (field === 'brand' ? brand : name))
}
