import { expect, test } from '@jest/globals'
import { checkNameTemplate, nameFiller } from '../../src/copy/name-template.ts'

test('a name that is far too long is not filled to its end', () => {
  const filled = nameFiller('{name}'.repeat(33))('Aurora', 'x'.repeat(130))
  expect(filled.length).toBeGreaterThan(260)
  expect(filled.length).toBeLessThan(600)
})

test('fills brand and name', () => {
  expect(nameFiller('{brand} {name}')('Aurora', 'Galaxy')).toBe('Aurora Galaxy')
  expect(nameFiller('{name} ({name}) by {brand}')('A', 'B')).toBe('B (B) by A')
})

test('leaves what looks like a template inside of a name, and signs that replace() knows', () => {
  expect(nameFiller('{brand} {name}')("$& $1 {name} $'", '{brand}')).toBe("$& $1 {name} $' {brand}")
})

test.each(['{brand} {name}', '{name}', 'New {name}!', '{name} {'])('%s is allowed', (template) => {
  expect(() => checkNameTemplate(template)).not.toThrow()
})

test.each([
  ['', 'lacks {name}'],
  ['{brand}', 'lacks {name}'],
  ['{Name}', 'lacks {name}'],
  ['{name} {model}', 'has {model}'],
  ['{name}\u0007', 'has control characters'],
  [`{name}${'x'.repeat(200)}`, 'has more than 200 characters'],
])('%j is refused: %s', (template, reason) => {
  expect(() => checkNameTemplate(template)).toThrow(reason)
})
