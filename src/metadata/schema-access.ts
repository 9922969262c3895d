/**
 * The tables of accounts, rights, subscriptions, audit and jobs. Nothing reads or writes them yet: they are part
 * of the first migration so that ids and edges need no retrofit.
 */

export const ACCESS_TABLES: readonly string[] = [
  // kind: user, organization, robot. Names are the first component of repository names.
  `CREATE TABLE accounts (
    id {{id}},
    kind {{text}} NOT NULL,
    name {{text}} NOT NULL UNIQUE,
    password_hash {{text}},
    disabled_at {{integer}},
    created_at {{integer}} NOT NULL
  ) {{table}}`,
  `CREATE TABLE memberships (
    organization_id {{integer}} NOT NULL REFERENCES accounts (id),
    account_id {{integer}} NOT NULL REFERENCES accounts (id),
    role {{text}} NOT NULL,
    PRIMARY KEY (organization_id, account_id)
  ) {{clustered}}`,
  `CREATE INDEX memberships_account ON memberships (account_id)`,
  `CREATE TABLE teams (
    id {{id}},
    organization_id {{integer}} NOT NULL REFERENCES accounts (id),
    name {{text}} NOT NULL,
    UNIQUE (organization_id, name)
  ) {{table}}`,
  `CREATE TABLE team_members (
    team_id {{integer}} NOT NULL REFERENCES teams (id),
    account_id {{integer}} NOT NULL REFERENCES accounts (id),
    PRIMARY KEY (team_id, account_id)
  ) {{clustered}}`,
  // pattern: a name, prefix/* or *. subject_id is 0 for everyone and for everyone signed in.
  `CREATE TABLE grants (
    id {{id}},
    subject_kind {{text}} NOT NULL,
    subject_id {{integer}} NOT NULL DEFAULT 0,
    pattern {{text}} NOT NULL,
    role {{text}} NOT NULL,
    created_at {{integer}} NOT NULL,
    UNIQUE (subject_kind, subject_id, pattern, role)
  ) {{table}}`,
  `CREATE INDEX grants_pattern ON grants (pattern)`,
  `CREATE TABLE tokens (
    id {{id}},
    account_id {{integer}} NOT NULL REFERENCES accounts (id),
    hash {{text}} NOT NULL UNIQUE,
    name {{text}} NOT NULL,
    scopes {{text}} NOT NULL,
    expires_at {{integer}},
    revoked_at {{integer}},
    last_used_at {{integer}},
    created_at {{integer}} NOT NULL
  ) {{table}}`,
  `CREATE INDEX tokens_account ON tokens (account_id)`,
  `CREATE TABLE subscriptions (
    id {{id}},
    pattern {{text}} NOT NULL,
    url {{text}} NOT NULL,
    kinds {{text}} NOT NULL,
    secret {{text}},
    created_at {{integer}} NOT NULL
  ) {{table}}`,
  `CREATE TABLE deliveries (
    id {{id}},
    subscription_id {{integer}} NOT NULL REFERENCES subscriptions (id),
    event_id {{integer}} NOT NULL,
    state {{text}} NOT NULL,
    attempts {{integer}} NOT NULL DEFAULT 0,
    due_at {{integer}} NOT NULL,
    UNIQUE (subscription_id, event_id)
  ) {{table}}`,
  `CREATE INDEX deliveries_due ON deliveries (state, due_at)`,
  `CREATE TABLE audit (
    id {{id}},
    actor {{text}} NOT NULL,
    action {{text}} NOT NULL,
    facts {{text}} NOT NULL,
    happened_at {{integer}} NOT NULL
  ) {{table}}`,
  `CREATE TABLE jobs (
    name {{text}} NOT NULL PRIMARY KEY,
    owner {{text}},
    lease_until {{integer}} NOT NULL DEFAULT 0,
    due_at {{integer}} NOT NULL,
    failures {{integer}} NOT NULL DEFAULT 0
  ) {{table}}`,
]
