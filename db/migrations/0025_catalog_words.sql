-- Search by words that the program finds itself: PostgreSQL's parser takes `salt/pepper` for a path and `-40` for a
-- number, and its English dictionary drops words while they are being typed. Documents of before are made anew by the
-- program, which then notes by which rules they were made.

ALTER TABLE catalog.category ADD COLUMN words tsvector NOT NULL DEFAULT '';
ALTER TABLE catalog.product ADD COLUMN words tsvector NOT NULL DEFAULT '';

CREATE AGGREGATE catalog.joined (tsvector) (SFUNC = tsvector_concat, STYPE = tsvector, INITCOND = '');

-- By which rules the words of all products were found; 0: by none of these.
CREATE TABLE catalog.analysis (
    only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT analysis_only_row CHECK (only_row),
    rules    int     NOT NULL
);
INSERT INTO catalog.analysis (rules) VALUES (0);

-- Each word that products have, and each way to write it with one letter less: two words that are one slip of the
-- finger apart have one of these in common.
DROP TABLE catalog.search_word;
CREATE TABLE catalog.search_word (
    word text COLLATE "C" PRIMARY KEY
);
CREATE TABLE catalog.search_form (
    form text COLLATE "C" NOT NULL,
    word text COLLATE "C" NOT NULL,
    CONSTRAINT search_form_key PRIMARY KEY (form, word)
);

DROP FUNCTION catalog.document(text, text, text, text);
