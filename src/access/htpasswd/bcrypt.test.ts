import { expect, test } from 'bun:test'
import { hashWithBcrypt, matchesBcrypt, unmatchableHash } from './bcrypt.ts'

/** Made by Apache's `htpasswd -nbB u secret`. */
const APACHE = '$2y$05$qqXlZkrdB1UURkNNgpxYNeWwtfPManWYJKASFHGw6pjjERZNvVPr.'

test('a password matches its hash, whoever made it, and no other', async () => {
  for (const hash of [await hashWithBcrypt('secret'), APACHE]) {
    for (const version of ['2a', '2b', '2y']) {
      const named = hash.replace(/^\$2./, `$${version}`)
      expect(await matchesBcrypt('secret', named)).toBe(true)
      expect(await matchesBcrypt('Secret', named)).toBe(false)
    }
  }
})

test('bits that no salt has change nothing', async () => {
  const hash = await hashWithBcrypt('secret')
  const end = hash[28] ?? ''
  const others =
    { '.': '/ABCDEFGHIJKLMN', O: 'PQRSTUVWXYZabcd', e: 'fghijklmnopqrst', u: 'vwxyz0123456789' }[end] ?? ''
  expect(others.length).toBe(15)
  for (const other of [...others].slice(0, 3)) {
    expect(await matchesBcrypt('secret', hash.slice(0, 28) + other + hash.slice(29))).toBe(true)
  }
})

test('a hash that nobody has the password of can be compared with, at any cost', async () => {
  for (const cost of [4, 5, 10]) {
    const hash = unmatchableHash(cost)
    expect(hash).toStartWith(`$2b$${String(cost).padStart(2, '0')}$`)
    for (const password of ['', 'secret']) expect(await matchesBcrypt(password, hash)).toBe(false)
  }
  expect(unmatchableHash(4)).not.toBe(unmatchableHash(4))
})
