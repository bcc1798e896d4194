import { expect, test } from '@jest/globals'
import { hashToken, readApiTokens } from '../../src/http/tokens.ts'

const TOKEN = 'geheim-0123456789'
const entry = (change: object = {}) => ({
  token: TOKEN,
  role: 'write',
  userId: 'u1',
  userName: 'Ann',
  ...change,
})
const read = (...entries: unknown[]) => readApiTokens(JSON.stringify(entries))

test('the hash of each token is kept, and not the token', () => {
  const tokens = read(entry(), entry({ token: 'x'.repeat(16), role: 'read', gateway: true }))
  expect(tokens).toEqual([
    { hash: hashToken(TOKEN), role: 'write', user: { id: 'u1', name: 'Ann' }, gateway: false },
    {
      hash: hashToken('x'.repeat(16)),
      role: 'read',
      user: { id: 'u1', name: 'Ann' },
      gateway: true,
    },
  ])
  expect(JSON.stringify(tokens)).not.toContain('geheim')
})

test.each([
  [[], 'API_TOKENS must be a JSON list'],
  [[7], 'API_TOKENS: entry 1 is not an object'],
  [[entry({ token: 'geheim-01234567' })], 'entry 1: its token must have 16 to 512 letters'],
  [[entry({ token: `${TOKEN} x` })], 'entry 1: its token must have'],
  [[entry({ token: undefined })], 'entry 1: its token must have'],
  [[entry({ role: 'root' })], 'entry 1: its role is "root"; it must be one of read, write, admin'],
  [[entry({ role: undefined })], 'entry 1: its role is undefined'],
  [[entry({ userId: undefined })], 'entry 1: its user id is missing'],
  [[entry({ userName: 'x'.repeat(31) })], 'entry 1: its user name has 31 characters'],
  [[entry({ gateway: 'yes' })], 'entry 1: its gateway is "yes"; it must be true or false'],
  [
    [entry({ rôle: 'x' })],
    'entry 1 has "rôle"; allowed are token, role, userId, userName, gateway',
  ],
  [[entry(), entry({ role: 'read' })], 'entry 2 repeats an earlier token'],
])('%# is refused, and no token is repeated', (entries, message) => {
  let refusal = ''
  try {
    read(...entries)
  } catch (error) {
    refusal = String(error)
  }
  expect(refusal).toContain(message)
  expect(refusal).not.toContain('geheim')
})

test.each([`${TOKEN}`, `{"token":"${TOKEN}"}`, `[{"token":"${TOKEN}`])('%# is no list', (text) => {
  expect(() => readApiTokens(text)).toThrow('API_TOKENS must be a JSON list')
  expect(() => readApiTokens(text)).not.toThrow('geheim')
})
