import { badInput, quoted } from '../errors.ts'

export const DEFAULT_NAME_TEMPLATE = '{brand} {name}'
/** In characters. */
export const MAX_TEMPLATE_LENGTH = 200

/**
 * A template for the names of copies: `{name}` stands for the source product's name and must be
 * there, `{brand}` for the target brand's.
 * @throws ProductCopyError `bad-input`
 */
export function checkNameTemplate(template: string): void {
  const allowed = `allowed are {brand} and {name}, for example "${DEFAULT_NAME_TEMPLATE}"`
  const wrong = (problem: string) => badInput(`name template ${problem}`, 'nameTemplate')
  if (!template.includes('{name}')) throw wrong(`${quoted(template)} lacks {name}; ${allowed}`)
  const unknown = /\{(?!brand\}|name\})[^{}]*\}/.exec(template)
  if (unknown) throw wrong(`${quoted(template)} has ${unknown[0]}; ${allowed}`)
  if (/\p{Cc}/u.test(template) || !template.isWellFormed()) {
    throw wrong(`${quoted(template)} has control characters`)
  }
  if ([...template].length > MAX_TEMPLATE_LENGTH) {
    throw wrong(`has more than ${MAX_TEMPLATE_LENGTH} characters`)
  }
}

/** Units of a name that is longer than any may be: what would follow is left out, or it could take all memory. */
const MAX_FILLED = 400

/** @returns what fills the template in one pass: a product whose name holds "{brand}" keeps it */
export function nameFiller(template: string): (brand: string, name: string) => string {
  const parts = template.split(/(\{brand\}|\{name\})/)
  return (brand, name) => {
    let filled = ''
    for (const part of parts) {
      if (filled.length > MAX_FILLED) break
      filled += part === '{brand}' ? brand : part === '{name}' ? name : part
    }
    return filled
  }
}
