import { expect, test } from '@jest/globals'
import { inexplicable, type Aftermath, type Call } from '../support/traffic/history.ts'
import type { Request } from '../support/traffic/records.ts'

/** The checker of histories: what it must explain, and what it must not. */

const key = 'a|m'
const product = (id: string) => ({ id, name: 'A', model: 'M' })
let calls = 0
const call = (from: number, to: number, request: Request, status: number, body: unknown): Call => {
  const name = `c-${++calls}`
  const answer = { what: 'answered', call: name, at: to, status, body } as const
  return { what: 'asked', call: name, at: from, request, ...(to < Infinity ? { answer } : {}) }
}
const created = (from: number, to: number, id: string): Call => {
  const request: Request = { op: 'create', policy: 'fail', items: [{ mark: id, key }] }
  return call(from, to, request, 201, { outcome: 'created', id })
}
const existing = (from: number, to: number, id: string): Call => {
  const request: Request = { op: 'create', policy: 'fail', items: [{ mark: `${id}-not`, key }] }
  return call(from, to, request, 200, { outcome: 'existing', id })
}
const found = (from: number, to: number, id?: string): Call =>
  call(from, to, { op: 'find', key }, 200, { products: id === undefined ? [] : [product(id)] })
const removed = (from: number, to: number, id: string): Call =>
  call(from, to, { op: 'delete', id }, 204, null)
const renamed = (from: number, to: number, id: string, status = 200): Call =>
  call(from, to, { op: 'rename', id, key: 'b|m' }, status, { id, name: 'B', model: 'M' })
const restored = (from: number, to: number, id: string): Call =>
  call(from, to, { op: 'restore', id }, 200, product(id))

const problems = (history: Call[], more: Partial<Aftermath> = {}) => {
  const idOfMark = new Map(['1', '2', '3'].map((id) => [id, id]))
  return inexplicable(history, { idOfMark, copies: new Map(), ...more })
}

test.each<[string, Call[]]>([
  ['one after the other', [created(1, 2, '1'), removed(3, 4, '1'), created(5, 6, '2')]],
  ['a loser that was asked first', [existing(1, 9, '1'), created(2, 8, '1')]],
  ['a creation within a deletion', [created(1, 2, '1'), removed(3, 9, '1'), created(4, 8, '2')]],
  [
    'seen before, none after',
    [created(1, 9, '1'), found(2, 3, '1'), removed(4, 8, '1'), found(10, 11)],
  ],
  ['a rename frees the key', [created(1, 2, '1'), renamed(3, 4, '1'), created(5, 6, '2')]],
  ['a restore', [created(1, 2, '1'), removed(3, 4, '1'), restored(5, 6, '1'), existing(7, 8, '1')]],
  [
    'a deletion without an answer that happened',
    [created(1, 2, '1'), removed(3, Infinity, '1'), created(5, 6, '2')],
  ],
  [
    'a deletion without an answer that did not',
    [created(1, 2, '1'), removed(3, Infinity, '1'), existing(5, 6, '1')],
  ],
  ['a creation without an answer', [created(1, Infinity, '1'), existing(5, 6, '1')]],
  [
    'a restore without an answer',
    [
      created(1, 2, '1'),
      removed(3, 4, '1'),
      restored(5, Infinity, '1'),
      found(6, 7),
      existing(8, 9, '1'),
    ],
  ],
])('explained: %s', (_, history) => {
  expect(problems(history)).toEqual([])
})

test.each<[string, Call[]]>([
  ['two creations of one key', [created(1, 2, '1'), created(3, 4, '2')]],
  ['two at the same time', [created(1, 9, '1'), created(2, 8, '2')]],
  [
    'a loser is told what was deleted before',
    [created(1, 2, '1'), removed(3, 4, '1'), existing(5, 6, '1')],
  ],
  ['a loser is told what is created later', [existing(1, 2, '1'), created(3, 4, '1')]],
  ['an acknowledged creation is not found', [created(1, 2, '1'), found(3, 4)]],
  [
    'an acknowledged deletion is undone',
    [created(1, 2, '1'), removed(3, 4, '1'), found(5, 6, '1')],
  ],
  [
    'a restore beside the new holder',
    [created(1, 2, '1'), removed(3, 4, '1'), created(5, 6, '2'), restored(7, 8, '1')],
  ],
  [
    'a rename leaves its old key taken',
    [created(1, 2, '1'), renamed(3, 4, '1'), existing(5, 6, '1')],
  ],
  ['a rename of what is deleted', [created(1, 2, '1'), removed(3, 4, '1'), renamed(5, 6, '1')]],
  ['a live product is not there to be renamed', [created(1, 2, '1'), renamed(3, 4, '1', 404)]],
  ['a creation without an answer beside another', [created(1, Infinity, '1'), created(5, 6, '2')]],
  ['an answer that never may be', [created(1, 2, '1'), renamed(3, 4, '1', 500)]],
])('not explained: %s', (_, history) => {
  expect(problems(history)).not.toEqual([])
})

test('a product of which nobody was told is a problem', () => {
  expect(problems([existing(1, 2, '1')], { idOfMark: new Map([['1-not', '7']]) })).not.toEqual([])
})
