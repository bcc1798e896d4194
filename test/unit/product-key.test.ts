import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { canonicalText, compareKeys, productKey, shardOf } from '../../src/products/product-key.ts'

describe('the product key', () => {
  test.each([
    ['composed and decomposed accents', 'Café', 'Cafe\u0301'],
    ['case', 'GALAXY s10', 'Galaxy S10'],
    ['white space around and inside', '  Galaxy \t S10 ', 'Galaxy S10'],
    ['no-break and ideographic spaces', 'Galaxy\u00a0S10', 'Galaxy\u3000S10'],
    ['sharp s', 'Straße', 'STRASSE'],
    ['capital sharp s', 'STRAẞE', 'strasse'],
    ['final sigma', 'ΟΔΟΣ', 'οδοσ'],
    ['white space beside a sigma', 'A\ufeffΣ', 'A Σ'],
    ['dotted capital I, composed and decomposed', 'İstanbul', 'I\u0307stanbul'],
    ['Kelvin sign', '\u212a', 'k'],
  ])('is the same for %s', (_, a, b) => {
    expect(canonicalText(a)).toBe(canonicalText(b))
  })

  test.each([
    ['accents', 'Cafe', 'Café'],
    ['words', 'Galaxy S10', 'GalaxyS10'],
    ['CJK', '小米', '小米手机'],
    ['emoji', 'Phone 📱', 'Phone ☎️'],
    ['skin tones', '👍', '👍🏽'],
    ['dotted and plain I', 'İ', 'I'],
    ['full-width letters', 'Ａ', 'A'],
  ])('differs for different %s', (_, a, b) => {
    expect(canonicalText(a)).not.toBe(canonicalText(b))
  })

  test('keeps name and model apart', () => {
    expect(productKey(' A ', 'B')).toEqual({ name: 'a', model: 'b' })
    expect(productKey('a b', 'c')).not.toEqual(productKey('a', 'b c'))
  })

  test('İ becomes i with a combining dot', () => {
    expect(canonicalText('İ')).toBe('i\u0307')
  })

  test('is canonical already, and blind to case and composition, for any text', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 20 })
    fc.assert(
      fc.property(text, (given) => {
        const key = canonicalText(given)
        expect(canonicalText(key)).toBe(key)
        expect(canonicalText(given.toUpperCase())).toBe(key)
        expect(canonicalText(given.toLowerCase())).toBe(key)
        expect(canonicalText(given.normalize('NFD'))).toBe(key)
        expect(canonicalText(` ${given}\u00a0`)).toBe(key)
      }),
      { numRuns: 2000 },
    )
  })

  test('plain ASCII, which takes a shorter way, gets the same key by the longer one', () => {
    const text = fc.string({ unit: 'binary-ascii', maxLength: 12 })
    fc.assert(
      fc.property(text, (given) => {
        expect(canonicalText(given)).toBe(canonicalText(`${given}\u00a0`))
      }),
    )
  })

  test('whoever types a name in another way means the same product', () => {
    const word = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 })
    const typing = fc.record({
      spell: fc.array(fc.constantFrom('upper', 'lower', 'as it is'), { minLength: 1 }),
      space: fc.array(fc.constantFrom(' ', '  ', '\t', '\u00a0', '\u3000 '), { minLength: 1 }),
      form: fc.constantFrom('NFC' as const, 'NFD' as const),
    })
    fc.assert(
      fc.property(fc.array(word, { maxLength: 4 }), typing, (words, { spell, space, form }) => {
        const given = words.map((text) => text.trim()).filter((text) => text !== '')
        const typed = given.map((text, i) => {
          const how = spell[i % spell.length]
          if (how === 'upper') return text.toUpperCase()
          return how === 'lower' ? text.toLowerCase() : text
        })
        const joined = typed.map((text, i) => space[i % space.length] + text).join('')
        expect(canonicalText(joined.normalize(form))).toBe(canonicalText(given.join(' ')))
      }),
      { numRuns: 5000 },
    )
  })

  test('every single character obeys too', () => {
    for (let code = 0; code < 0x30000; code++) {
      if (code >= 0xd800 && code < 0xe000) continue
      const given = String.fromCodePoint(code)
      const key = canonicalText(given)
      const same = [key, given.toUpperCase(), given.toLowerCase(), given.normalize('NFD')]
      const odd = same.filter((text) => canonicalText(text) !== key)
      if (odd.length > 0) throw new Error(`U+${code.toString(16)}: ${JSON.stringify(odd)}`)
    }
  })
})

describe('shards', () => {
  test('are stable: other producers may compute them', () => {
    // As `printf 'galaxy s10\0sm-g973f' | gzip -c | tail -c8 | od -An -tu4` computes it, mod 8.
    expect(shardOf(productKey('Galaxy S10', 'SM-G973F'), 8)).toBe(3)
    expect(shardOf(productKey('galaxy  s10 ', 'sm-g973f'), 8)).toBe(3)
  })

  test('are spread evenly, and none is left out', () => {
    const counts = new Array<number>(8).fill(0)
    for (let i = 0; i < 8000; i++) counts[shardOf(productKey(`phone ${i}`, `m-${i}`), 8)]!++
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150)
  })

  test('with one shard all keys share it', () => {
    expect(shardOf(productKey('a', 'b'), 1)).toBe(0)
  })
})

test('keys have one order', () => {
  const keys = [productKey('b', 'a'), productKey('a', 'b'), productKey('a', 'a')]
  expect(keys.sort(compareKeys).map(({ name, model }) => name + model)).toEqual(['aa', 'ab', 'ba'])
  expect(compareKeys(productKey('A', 'b'), productKey('a', 'B'))).toBe(0)
})
