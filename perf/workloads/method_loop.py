"""Small methods called in a loop."""


class Account:
    def __init__(self, balance):
        self.balance = balance

    def deposit(self, amount):
        self.balance += amount

    def withdraw(self, amount):
        if amount > self.balance:
            return False
        self.balance -= amount
        return True


def run(n):
    account = Account(100)
    refused = 0
    for i in range(n):
        account.deposit(i % 7)
        if not account.withdraw(i % 11):
            refused += 1
    return account.balance, refused
