import helper

VALUE = helper.VALUE
