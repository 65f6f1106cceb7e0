"""Evidence: the sealed run log, packs that an auditor can check offline, and signatures of versions."""
