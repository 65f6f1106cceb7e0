"""What a promotion would change, predicted from one scan and compared with the real run."""
