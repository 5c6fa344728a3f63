"""What moved in the books, one line a movement, as SQL: triggers write it, so that no movement can be left out. Pure.

A line is never changed. Declined ones move nothing and have none; what the buyer has yet to confirm has none so far.
"""

SCHEMA = """
CREATE TABLE IF NOT EXISTS movement (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, kind TEXT NOT NULL, entry TEXT NOT NULL,
    reference TEXT NOT NULL, refund TEXT, amount INTEGER NOT NULL, currency TEXT NOT NULL, created_at REAL NOT NULL
);
CREATE TRIGGER IF NOT EXISTS entry_made AFTER INSERT ON entry WHEN NEW.state IN ('authorized', 'charged')
BEGIN
    INSERT INTO movement (id, kind, entry, reference, amount, currency, created_at)
    VALUES ('txn_' || lower(hex(randomblob(16))), CASE NEW.state WHEN 'charged' THEN 'charge' ELSE 'authorization' END,
            NEW.id, NEW.reference, NEW.amount, NEW.currency, (julianday('now') - 2440587.5) * 86400);
END;
CREATE TRIGGER IF NOT EXISTS entry_moved AFTER UPDATE OF state ON entry
WHEN NEW.state <> OLD.state AND (NEW.state IN ('authorized', 'charged', 'captured')
                                 OR (NEW.state = 'voided' AND OLD.state = 'authorized'))
BEGIN
    INSERT INTO movement (id, kind, entry, reference, amount, currency, created_at)
    VALUES ('txn_' || lower(hex(randomblob(16))),
            CASE NEW.state WHEN 'authorized' THEN 'authorization' WHEN 'charged' THEN 'charge'
                           WHEN 'captured' THEN 'capture' ELSE 'void' END,
            NEW.id, NEW.reference, NEW.amount, NEW.currency, (julianday('now') - 2440587.5) * 86400);
END;
CREATE TRIGGER IF NOT EXISTS refund_made AFTER INSERT ON refund
BEGIN
    INSERT INTO movement (id, kind, entry, reference, refund, amount, currency, created_at)
    SELECT 'txn_' || lower(hex(randomblob(16))), 'refund', entry.id, entry.reference, NEW.reference, NEW.amount,
           entry.currency, (julianday('now') - 2440587.5) * 86400
    FROM entry WHERE entry.id = NEW.entry;
END;
"""
PAGE = """
SELECT * FROM movement WHERE seq > coalesce((SELECT seq FROM movement WHERE id = :after), 0) ORDER BY seq LIMIT :limit
"""
KNOWN = "SELECT 1 FROM movement WHERE id = ?"
TOTALS = """
SELECT kind, currency, count(*) AS count, sum(amount) AS amount FROM movement GROUP BY kind, currency ORDER BY 1, 2
"""
