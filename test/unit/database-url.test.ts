import { describe, expect, test } from '@jest/globals'
import { readDatabaseUrl } from '../../src/platform/database-url.ts'

describe('DATABASE_URL', () => {
  test('names a server, with the port that it usually has', () => {
    expect(readDatabaseUrl('mysql://shop@db.example/mall')).toEqual({
      dialect: 'mysql',
      host: 'db.example',
      port: 3306,
      user: 'shop',
      password: '',
      database: 'mall',
      tls: undefined,
    })
    expect(readDatabaseUrl('mariadb://a:b@[::1]:3307/c')).toMatchObject({
      dialect: 'mysql',
      host: '::1',
      port: 3307,
    })
    expect(readDatabaseUrl('postgresql://a:b@h/c')).toMatchObject({ port: 5432 })
    expect(readDatabaseUrl('postgres://us%40er:p%3Aw%2F%25@h:1/d%20b')).toMatchObject({
      dialect: 'postgres',
      user: 'us@er',
      password: 'p:w/%',
      database: 'd b',
    })
  })

  test('asks for TLS in the words of PostgreSQL or of MySQL', () => {
    const tls = (query: string) => readDatabaseUrl(`mysql://a@h/c?${query}`).tls
    expect(tls('sslmode=disable')).toBeUndefined()
    expect(tls('ssl-mode=DISABLED')).toBeUndefined()
    expect(tls('sslmode=require')).toEqual({ rejectUnauthorized: false, verifyHost: false })
    expect(tls('ssl-mode=REQUIRED')).toEqual({ rejectUnauthorized: false, verifyHost: false })
    expect(tls('ssl-mode=VERIFY_CA')).toEqual({ rejectUnauthorized: true, verifyHost: false })
    expect(tls('sslmode=verify-full')).toEqual({ rejectUnauthorized: true, verifyHost: true })
    expect(tls('ssl-mode=VERIFY_IDENTITY')).toEqual({ rejectUnauthorized: true, verifyHost: true })
    expect(tls(`sslmode=verify-ca&sslrootcert=${import.meta.filename}`)?.ca).toContain('TLS')
  })

  test.each([
    ['', /^DATABASE_URL is not a URL: mysql:/],
    ['localhost', /is not a URL/],
    ['mysql://a:geheim@h:99999/c', /is not a URL/],
    ['oracle://a:geheim@h/c', /begins with "oracle:": mysql:/],
    ['a:geheim@h/c', /begins with "a:"/],
    ['mysql:///c', /has no host/],
    ['mysql:geheim', /has no host/],
    ['postgres://h/c', /has no user/],
    ['mysql://a:geheim@h', /has no database's name/],
    ['mysql://a:geheim@h/', /has no database's name/],
    ['mysql://a:geheim@h/c/d', /has no database's name/],
    ['mysql://a:geheim%@h/c', /has a password with a "%"/],
    ['mysql://a:geheim@h/c?sslmod=require', /unknown parameter "sslmod"; allowed are sslmode/],
    ['mysql://a:geheim@h/c?sslmode=prefer', /sslmode "prefer"; allowed are disable, require/],
    ['mysql://a:geheim@h/c?sslrootcert=x', /sslrootcert without sslmode/],
    ['mysql://a:geheim@h/c?sslmode=verify-ca&sslrootcert=/no/file', /which cannot be read/],
    ['mysql://a:geheim@127.0.0.1/c?sslmode=verify-full', /needs a host's name, not the address/],
  ])('%j is refused in one line, without the password', (url, line) => {
    let thrown: unknown
    try {
      readDatabaseUrl(url)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toMatchObject({
      code: 'could-not-run',
      message: expect.stringMatching(line),
    })
    expect((thrown as Error).message).not.toMatch(/geheim|\n/)
  })
})
